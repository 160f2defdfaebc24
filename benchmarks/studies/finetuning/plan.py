"""The plan: every finished run is fine-tuned on each of its tasks, and baselines once for all budgets."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.records.record import SINGLE_TASK, Cell, MetricFact, Record
from benchmarks.studies.finetuning.budget import further_epochs, relative_cost
from benchmarks.studies.finetuning.tuning import PlannedTuning

EpochsOf = Callable[[Cell], float]  # of a cell's training
ForwardOf = Callable[[Sequence[Record], Sequence[Record]], float]  # of multi-task runs, relative to single-task runs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """One task of a suite, and all runs that have it.

    Attributes:
        suite: as the protocol calls it.
        task: the task's name.
        tasks: how many the suite has.
        metrics: of the task, the primary one first.
        trained: E, the epochs of every training.
        single: the single-task runs by seed.
        methods: the multi-task runs by row, then by seed.
        costs: what a multi-task step costs in single-task steps, by row; NaN if no run finished.
        budgets: the epochs that the single-task model goes on for, by row; those with a known cost only.
    """

    suite: str
    task: str
    tasks: int
    metrics: list[MetricFact]
    trained: float
    single: dict[int, Record]
    methods: dict[str, dict[int, Record]]
    costs: dict[str, float]
    budgets: dict[str, int]


def comparisons(
    records: Sequence[Record], rows: Sequence[str], more: int, epochs_of: EpochsOf, forward_of: ForwardOf
) -> list[Comparison]:
    """Every task of every suite that has runs of methods, in the order of the records.

    A task of which no run got far enough to know its metrics is left out, and named in the log.

    Args:
        records: of one setting per row.
        rows: the order of methods.
        more: F, the epochs of fine-tuning.
        epochs_of: see `EpochsOf`.
        forward_of: see `ForwardOf`.

    Raises:
        ValueError: nothing can be compared.
    """
    compared = []
    for suite in dict.fromkeys(record.cell.problem for record in records):
        runs = [record for record in records if record.cell.problem == suite]
        by_row = {row: [run for run in runs if run.cell.row == row] for row in rows if row != SINGLE_TASK}
        methods = {row: several for row, several in by_row.items() if several}
        tasks = max((run.cell.tasks for several in methods.values() for run in several), key=len, default=())
        for task in tasks:
            single = [run for run in runs if run.cell.row == SINGLE_TASK and run.cell.tasks == (task,)]
            if any(task in run.metrics for several in (single, *methods.values()) for run in several):
                compared.append(_comparison(task, single, methods, more, epochs_of, forward_of))
            else:
                logger.warning("%s: %s is left out, because none of its runs left a result", suite, task)
    if not any(comparison.budgets for comparison in compared):
        raise ValueError(
            "there is nothing to compare: no suite has a finished run of a method and one of a single-task baseline; "
            "the records say why, and --retry-failed of `python -m benchmarks run` tries again what failed"
        )
    return compared


def planned_tunings(compared: Sequence[Comparison], more: int) -> list[PlannedTuning]:
    """All fine-tunings of finished runs; one of a single-task model is as long as the longest that it serves."""
    planned = []
    for comparison in compared:
        longest = max(comparison.budgets.values(), default=0)
        planned += [
            PlannedTuning(run.cell, comparison.task, longest) for run in _finished(comparison.single) if longest
        ]
        for row in comparison.budgets:
            planned += [PlannedTuning(run.cell, comparison.task, more) for run in _finished(comparison.methods[row])]
    return planned


def _comparison(
    task: str,
    single: Sequence[Record],
    methods: Mapping[str, Sequence[Record]],
    more: int,
    epochs_of: EpochsOf,
    forward_of: ForwardOf,
) -> Comparison:
    multi = [run for runs in methods.values() for run in runs]
    forward, trained = forward_of(multi, single), epochs_of(multi[0].cell)
    costs = {row: relative_cost(runs, single, forward) for row, runs in methods.items()}
    return Comparison(
        suite=multi[0].cell.problem,
        task=task,
        tasks=len(multi[0].cell.tasks),
        metrics=next(run.metrics[task] for run in [*single, *multi] if task in run.metrics),
        trained=trained,
        single=_by_seed(single),
        methods={row: _by_seed(runs) for row, runs in methods.items()},
        costs=costs,
        budgets={row: further_epochs(cost, trained, more) for row, cost in costs.items() if math.isfinite(cost)},
    )


def _by_seed(runs: Sequence[Record]) -> dict[int, Record]:
    return {run.cell.repetition: run for run in runs}


def _finished(runs: Mapping[int, Record]) -> list[Record]:
    return [run for run in runs.values() if run.status == "done"]
