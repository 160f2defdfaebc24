"""Scores of one run against the single-task baselines: pure functions on the scalars of records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from benchmarks.analysis.statistics import geometric_mean
from benchmarks.records.record import MetricFact, Record, Scalars
from benchmarks.records.selection import SMALLEST_ERROR

LARGEST_ERROR_RATIO = 1e4  # beyond it the smaller error is next to none, and the ratio says nothing
Facts = Mapping[str, list[MetricFact]]  # task -> metrics, the primary one first
# The checkpoint selected on validation, the end of training, or the end of the compute that equal weights take.
State = Literal["best", "last", "at_equal_compute"]


def outcomes(records: Iterable[Record], state: State) -> dict[int, Scalars]:
    """Test metrics by seed of the finished runs; the single-task runs of one seed are laid together."""
    by_seed: dict[int, Scalars] = {}
    for record in records:
        outcome = getattr(record, state)
        if record.status == "done" and outcome is not None:
            by_seed.setdefault(record.cell.repetition, {}).update(outcome.test)
    return by_seed


@dataclass(frozen=True)
class Baseline:
    """The single-task results that runs are compared with.

    A run is paired with the baselines of its own seed, which share its initialisation and data order. Where a
    baseline of that seed did not finish, the mean over the other seeds stands in.
    """

    by_seed: Mapping[int, Scalars]

    def mean(self, task: str, metric: str) -> float:
        """Mean over the finished seeds; NaN without any."""
        return self._means.get((task, metric), math.nan)

    @cached_property
    def _means(self) -> dict[tuple[str, str], float]:
        values: dict[tuple[str, str], list[float]] = {}
        for scalars in self.by_seed.values():
            for task, metrics in scalars.items():
                for metric, value in metrics.items():
                    values.setdefault((task, metric), []).append(value)
        return {key: float(np.mean(of_key)) for key, of_key in values.items()}

    def paired(self, seed: int, task: str, metric: str) -> float:
        """The value of the same seed, or else the mean."""
        value = self.by_seed.get(seed, {}).get(task, {}).get(metric)
        return self.mean(task, metric) if value is None else value


def difference(value: float, reference: float, fact: MetricFact) -> float:
    """How much better ``value`` is than ``reference``, in the metric's unit; above 0 is better."""
    return value - reference if fact.higher_is_better else reference - value


def unit(reference: float, fact: MetricFact) -> float:
    """The denominator of percentages: ``|reference|``, as everywhere in the field.

    Where even a perfect value is negative the metric has no natural zero, a baseline may be anywhere near it, and the
    unit is ``|best|``.
    """
    return abs(fact.best) if fact.best < 0 else abs(reference)


def percent(difference: float, unit: float) -> float:
    """A difference in percent of a unit; NaN where that is 0, or nearly."""
    return 100 * difference / unit if unit >= SMALLEST_ERROR else math.nan


def scored(facts: Facts, baseline: Baseline) -> dict[str, list[MetricFact]]:
    """The metrics that enter Δ: all but those whose baselines are 0 on average, where no relative difference exists."""

    def is_zero(task: str, fact: MetricFact) -> bool:
        return unit(baseline.mean(task, fact.name), fact) < SMALLEST_ERROR

    kept = {task: [fact for fact in metrics if not is_zero(task, fact)] for task, metrics in facts.items()}
    return {task: metrics for task, metrics in kept.items() if metrics}


def relative_by_task(values: Scalars, seed: int, baseline: Baseline, facts: Facts) -> dict[str, list[float]]:
    """Difference to the paired baseline for every metric of every task, in percent of the baselines' mean."""

    def relative(task: str, fact: MetricFact) -> float:
        paired = baseline.paired(seed, task, fact.name)
        return percent(difference(values[task][fact.name], paired, fact), unit(baseline.mean(task, fact.name), fact))

    return {task: [relative(task, fact) for fact in metrics] for task, metrics in facts.items()}


def delta_metricwise(by_task: Mapping[str, list[float]]) -> float:
    """Mean over all metrics alike, so that a task with many metrics weighs more."""
    return float(np.mean([value for values in by_task.values() for value in values]))


def delta_taskwise(by_task: Mapping[str, list[float]]) -> float:
    """Mean within each task, then over tasks, so that all tasks weigh the same."""
    return float(np.mean([np.mean(values) for values in by_task.values()]))


def error_ratio(by_seed: Mapping[int, Scalars], baseline: Baseline, facts: Facts) -> float:
    """Geometric mean over tasks of error / single-task error; NaN where single-task has next to none.

    The error is the mean over seeds of ``|best - value|`` of the primary metric.
    """

    def error(runs: Mapping[int, Scalars], task: str, fact: MetricFact) -> float:
        errors = [abs(fact.best - run[task][fact.name]) for run in runs.values() if task in run]
        return max(float(np.mean(errors)), SMALLEST_ERROR) if errors else math.nan

    ratios = [
        error(by_seed, task, metrics[0]) / error(baseline.by_seed, task, metrics[0]) for task, metrics in facts.items()
    ]
    return math.nan if any(ratio > LARGEST_ERROR_RATIO for ratio in ratios) else geometric_mean(ratios)


def forwards_per_step(records: Iterable[Record]) -> float:
    """Median over the finished runs of a training step's time in forward passes of the same run.

    All methods of a suite do the same forward pass, so that this is free of the drift of a machine's speed.
    """
    costs = [record.cost for record in records if record.status == "done" and record.cost is not None]
    return float(np.median([cost.step / cost.forward for cost in costs])) if costs else math.nan


def seconds_per_step(records: Iterable[Record]) -> float:
    """Median seconds of one training step over the finished runs; the models of single-task baselines add up."""
    by_tasks: dict[tuple[str, ...], list[float]] = {}
    for record in records:
        if record.status == "done" and record.cost is not None:
            by_tasks.setdefault(record.cell.tasks, []).append(record.cost.step)
    return sum(float(np.median(values)) for values in by_tasks.values()) if by_tasks else math.nan


def forward_seconds(records: Iterable[Record]) -> float:
    """Median seconds of a forward pass over the finished runs, which have the same suite and tasks."""
    costs = [record.cost for record in records if record.status == "done" and record.cost is not None]
    return float(np.median([cost.forward for cost in costs])) if costs else math.nan
