"""Made-up studies of two tasks whose numbers are easy to know: single-task reaches 0.5 on both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.results import Results
from benchmarks.records import selection
from benchmarks.records.asked import Asked, AskedSuite
from benchmarks.records.record import SINGLE_TASK, Curves, Outcome, Record, Scalars
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


def along(points: Mapping[Any, Mapping[str, Sequence[Any]]], tasks: tuple[str, ...] = TASKS) -> list[Record]:
    """The suite at several values of its option ``size``: a table for each, with its single-task baselines.

    Args:
        points: by value and row, what `run` takes for each seed.
        tasks: of the suite.
    """
    found = []
    for value, rows in points.items():
        cell = {"variant": f"at-{value:g}", "suite_options": {"size": value}}
        seeds = max(map(len, rows.values()))
        found += [run(SINGLE_TASK, 0.0, seed=s, tasks=(task,), **cell) for task in tasks for s in range(seeds)]
        for row, runs in rows.items():
            found += [run(row, each, seed=s, tasks=tasks, **cell) for s, each in enumerate(runs)]
    return found


def study(
    records: Sequence[Record], *, tuned: str | None = None, copy: str | None = None, once: bool = False
) -> Results:
    """A study of these records, all settings included; the best on validation are chosen as ever."""
    suites = list(dict.fromkeys(record.cell.suite for record in records))
    rows = dict.fromkeys(record.cell.row for record in records if record.cell.row != SINGLE_TASK)
    trials = 1 + max(record.cell.trial for record in records)
    once = once and trials > 1
    entries = {name: AskedSuite(suite=name, options={}, summary="", searched_once=once) for name in suites}
    asked = Asked(
        protocol="made",
        tuned_weights=tuned,
        noise_floor=copy,
        settings=trials,
        suites=entries,
        methods=("fixed", *rows),
    )
    searches = tuple(selection.searches(records, asked.searched_once))
    return Results(
        searches=searches,
        front=(),
        aggregates=aggregate([record for search in searches for record in search.chosen], "fixed", suites),
        skipped={},
        set_aside=0,
        asked=asked,
        protocol_text="",
        environment={},
    )
