"""Differences to single-task along an option: of every task, of the mean over tasks, and of the worst task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.analysis import scores
from benchmarks.analysis.option_series import OptionSeries
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.scores import Baseline
from benchmarks.analysis.statistics import Estimate, estimate
from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.records.record import SINGLE_TASK

MOST_TASKS = 8  # that are shown one by one
NOTHING = estimate(())
Lines = dict[str, list[Estimate]]  # row -> one estimate for each value of the option; empty where there is no result


class Along(NamedTuple):
    """Differences to single-task at the same value of the option, in percent, above 0 is better."""

    tasks: dict[str, Lines]  # of every task's primary metric
    mean: Lines  # Δ taskwise


def along(study: Results, series: OptionSeries) -> Along:
    """What a study says along a series; the row with the best mean over all suites first."""
    tables = [_table(study, point.table) for point in series.points]
    rows = [row for row in best_first(study.aggregates, study.noise_floor) if any(table.row(row) for table in tables)]
    by_table = [_by_task(study, table, rows) for table in tables]
    tasks = list(dict.fromkeys(task for table in tables for task in table.tasks))
    return Along(
        {task: {row: [at[row].get(task, NOTHING) for at in by_table] for row in rows} for task in tasks},
        {row: [of_row.delta_taskwise if (of_row := table.row(row)) else NOTHING for table in tables] for row in rows},
    )


def worst(tasks: Mapping[str, Lines]) -> Lines:
    """At every value, the task of each row whose mean over seeds is the lowest."""
    rows = next(iter(tasks.values()), {})
    every = {row: zip(*(lines[row] for lines in tasks.values()), strict=True) for row in rows}
    return {row: [_lowest(at) for at in places] for row, places in every.items()}


def baseline(study: Results, series: OptionSeries, task: str) -> list[Estimate]:
    """The primary metric of single-task on one task at every value."""
    tables = [_table(study, point.table) for point in series.points]
    singles = (table.row(SINGLE_TASK) for table in tables)
    found = ({metric.task: metric.best for metric in single.primary} if single else {} for single in singles)
    return [each.get(task, NOTHING) for each in found]


def _table(study: Results, name: str) -> SuiteSummary:
    return next(suite for suite in study.aggregates.suites if suite.name == name)


def _by_task(study: Results, table: SuiteSummary, rows: Sequence[str]) -> dict[str, dict[str, Estimate]]:
    """By row and task, the primary metric against the baselines of the same seeds."""
    facts = {metric.task: [metric.fact] for metric in table.rows[0].primary}
    records = study.of(table.name)
    single = Baseline(scores.outcomes((r for r in records if r.cell.row == SINGLE_TASK), "best"))
    estimates = {}
    for row in rows:
        runs = scores.outcomes((r for r in records if r.cell.row == row), "best")
        relative = [scores.relative_by_task(values, seed, single, facts) for seed, values in runs.items()]
        estimates[row] = {task: estimate(run[task][0] for run in relative) for task in facts}
    return estimates


def _lowest(estimates: Sequence[Estimate]) -> Estimate:
    known = [each for each in estimates if math.isfinite(each.mean)]
    return min(known, key=lambda each: each.mean, default=NOTHING)
