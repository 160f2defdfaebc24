"""Made-up studies of two tasks whose numbers are easy to know: single-task reaches 0.5 on both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import select
from benchmarks.aggregates import aggregate
from benchmarks.records import SINGLE_TASK, Curves, Outcome, Record, Scalars
from benchmarks.study import Study
from tests.benchmarks import synthetic

TASKS = ("a", "b")
SINGLE, UNTRAINED = 0.5, 0.1
POINT = SINGLE / 100  # of accuracy, that makes one point of Δ taskwise if all tasks gain it


def scalars(values: Sequence[float], tasks: Sequence[str] = TASKS) -> Scalars:
    return {task: {"accuracy": value} for task, value in zip(tasks, values, strict=True)}


def run(
    row: str,
    points: float | Sequence[float] | None,
    *,
    suite: str = "one",
    seed: int = 0,
    trial: int = 0,
    validation: float = 0.0,
    last: float | None = None,
    tasks: tuple[str, ...] = TASKS,
    **cell: Any,
) -> Record:
    """A run that is ``points`` above single-task on test, for each task or for all alike; a failed one without."""
    of = synthetic.cell(suite, row, tasks, seed, trial=trial, **cell)
    metrics = {task: [synthetic.ACCURACY] for task in tasks}
    if points is None:
        return synthetic.record(of, metrics, None)
    each = [points] * len(tasks) if isinstance(points, int | float) else points
    test = scalars([SINGLE + POINT * value for value in each], tasks)
    seen = scalars([SINGLE + POINT * validation] * len(tasks), tasks)
    end = test if last is None else scalars([SINGLE + POINT * last] * len(tasks), tasks)
    untrained = {task: {"accuracy": [UNTRAINED]} for task in tasks}
    curves = Curves(step=[0], train_loss={}, validation=untrained, weights={}, norms={}, cosines={}, snapshots={})
    return synthetic.record(of, metrics, test, curves=curves).model_copy(
        update={
            "best": Outcome(step=1, validation=seen, test=test),
            "last": Outcome(step=2, validation=seen, test=end),
        }
    )


def baselines(suite: str = "one", seeds: int = 1, **cell: Any) -> list[Record]:
    """The single-task runs of both tasks."""
    return [run(SINGLE_TASK, 0.0, suite=suite, seed=s, tasks=(task,), **cell) for task in TASKS for s in range(seeds)]


def study(
    records: Sequence[Record], *, tuned: str | None = None, copy: str | None = None, order: Sequence[str] = ()
) -> Study:
    """A study of these records, all settings included; the best on validation are chosen as ever."""
    chosen = tuple(select.chosen(records))
    return Study(
        records=chosen,
        trials=tuple(records),
        front=(),
        aggregates=aggregate(chosen, "fixed", order),
        tuned_weights=tuned,
        noise_floor=copy,
        skipped={},
        set_aside=0,
        protocol="",
        environment={},
    )
