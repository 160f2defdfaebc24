"""What the aggregates hold: plain immutable values, one class per level from a metric to the whole folder."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.analysis.statistics import Estimate
from benchmarks.records.record import MetricFact


@dataclass(frozen=True)
class Failure:
    """A run that gave no number, learned nothing, or left its method's equations unsolved at times.

    ``status`` is the record's, "not run" where other rows have that seed, "stuck" if a task is never better on
    validation than the untrained model, although the run is done, or "no solution" if the method took its way out.
    """

    row: str
    task: str  # the task of a single-task baseline; empty for a run on all tasks
    seed: int
    status: str
    reason: str


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one task in one row, on the test split."""

    task: str
    fact: MetricFact
    primary: bool
    best: Estimate  # at the state chosen on validation
    last: Estimate  # at the end of training
    single_task: float  # mean of the baselines over their seeds; NaN without any
    difference: float  # of the two means, in the metric's unit; above 0 is better
    relative: float  # the same in percent of `scores.unit`, which is |single_task| unless that has no natural zero
    learning_rates: tuple[float, ...]  # chosen on validation, from the lowest to the highest


@dataclass(frozen=True)
class RowSummary:
    """One row of one suite. Deltas are in percent, higher is better, and NaN for the baselines themselves.

    Deltas are computed run by run and then averaged: the difference to the single-task baselines of the same seed
    (`Baseline`), so that the spread holds the uncertainty of the baselines as well, in percent of the baselines' mean
    over seeds, so that one baseline near 0 does not decide alone.
    """

    row: str
    metrics: tuple[MetricSummary, ...]
    done: int  # seeds of which every task has a result
    total: int  # seeds that any row of the suite has
    delta_metricwise: Estimate
    delta_taskwise: Estimate
    delta_last: Estimate  # delta_taskwise at the end of training, against the baselines at theirs
    delta_equal_compute: Estimate  # delta_last after as much compute as equal weights spend, by `relative_compute`
    over_equal: Estimate  # delta_taskwise minus that of the equal-weights row, seed by seed
    error_ratio: float  # geometric mean over tasks of mean error / mean single-task error; below 1 is better
    hurt: int | None  # tasks whose primary metric is worse than single-task on average; none if unknown
    rank: float  # mean over tasks of the rank by primary metric among the multi-task rows
    seconds: float  # of one training step
    forwards: float  # the time of one training step in forward passes of the same run
    cost: float  # time of a step relative to the equal-weights row, by forwards; of the baselines, by seconds
    deltas: dict[int, float]  # seed -> delta_taskwise
    deltas_equal_compute: dict[int, float]  # seed -> delta_equal_compute

    @property
    def primary(self) -> tuple[MetricSummary, ...]:
        """The primary metric of every task."""
        return tuple(metric for metric in self.metrics if metric.primary)


@dataclass(frozen=True)
class SuiteSummary:
    """All rows of one suite: the baselines first, then equal weights, then the others by name."""

    name: str
    tasks: tuple[str, ...]
    rows: tuple[RowSummary, ...]
    failures: tuple[Failure, ...]

    def row(self, name: str) -> RowSummary | None:
        """The row of that name, if the suite has it."""
        return next((row for row in self.rows if row.row == name), None)


@dataclass(frozen=True)
class Overall:
    """One row over all suites. A mean over suites is NaN where a suite is missing: it would be of other problems."""

    row: str
    by_suite: dict[str, RowSummary]
    missing: tuple[str, ...]  # suites without a finished run of this row
    delta_taskwise: Estimate  # with the interval for these suites
    rank: float
    cost: float
    done: int
    total: int


@dataclass(frozen=True)
class Aggregates:
    """Everything that tables, charts and report show."""

    suites: tuple[SuiteSummary, ...]
    overall: tuple[Overall, ...]  # multi-task rows, best mean delta first
    rows: tuple[str, ...]  # every row of any suite, in the order of tables and colours
    equal_weights: str  # the row that cost and gains are relative to
