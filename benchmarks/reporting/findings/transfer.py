"""Negative transfer: the tasks that each method makes worse than single-task training."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.analysis.summaries import Aggregates, SuiteSummary
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed, plural

TEXT = "Tasks that are worse with a method than with single-task training."
LEGEND: Legend = (
    (
        "tasks hurt",
        "tasks whose primary metric is worse on average over seeds than single-task, by any amount, out of all "
        "tasks with a result",
    ),
    ("worst task", "the task with the largest loss"),
    ("loss", "difference to single-task on that task, in percent"),
    ("a suite", "tasks hurt on that suite"),
    ("–", "no task is hurt, or no result"),
)


class Transfer(NamedTuple):
    """The relative difference to single-task of every task with every method."""

    rows: tuple[str, ...]
    tasks: tuple[str, ...]  # "suite: task"
    relative: Array  # (rows, tasks), in percent, above 0 is better; NaN where it is unknown


def matrix(aggregates: Aggregates) -> Transfer:
    """The map of negative transfer, the method with the best mean over all suites first."""
    rows = best_first(aggregates)
    columns = [(suite, k) for suite in aggregates.suites for k in range(len(suite.rows[0].primary))]
    relative = np.array([[_relative(suite, row, k) for suite, k in columns] for row in rows], dtype=float)
    names = tuple(f"{suite.name}: {suite.rows[0].primary[k].task}" for suite, k in columns)
    return Transfer(tuple(rows), names, relative.reshape(len(rows), len(columns)))


def _relative(suite: SuiteSummary, row: str, task: int) -> float:
    summary = suite.row(row)
    return math.nan if summary is None else summary.primary[task].relative


def block(results: Results) -> ReportBlock | None:
    """The number of tasks that every method hurts, and the worst one; none without single-task baselines."""
    differences = matrix(results.aggregates)
    if not np.isfinite(differences.relative).any():
        return None
    suites = [suite.name for suite in results.aggregates.suites]
    sizes = [len(suite.rows[0].primary) for suite in results.aggregates.suites]
    ends = np.cumsum(sizes)[:-1]
    head = ["method", "tasks hurt", "worst task", "loss", *suites]
    lines = [
        [row, _hurt(values), *_worst(differences.tasks, values), *map(_hurt, np.split(values, ends))]
        for row, values in zip(differences.rows, differences.relative, strict=True)
    ]
    title = "Negative transfer: tasks that are worse than single-task"
    return ReportBlock("transfer", title, TEXT, (head, lines), tuple(_sentences(differences)), LEGEND)


def _hurt(values: Array) -> str:
    """As in 2/5, of the tasks with a result."""
    known = int(np.isfinite(values).sum())
    return formats.count(int((values < 0).sum()), known) if known else formats.NONE


def _worst(tasks: tuple[str, ...], values: Array) -> tuple[str, str]:
    if not (values < 0).any():
        return formats.NONE, formats.NONE
    worst = int(np.nanargmin(values))
    return tasks[worst], formats.percent(float(values[worst]))


def _sentences(differences: Transfer) -> list[str]:
    complete = {row: v for row, v in zip(differences.rows, differences.relative, strict=True) if np.isfinite(v).all()}
    if not complete:
        return ["No method has a result for every task, so the numbers of hurt tasks cannot be compared."]
    hurt = {row: int((values < 0).sum()) for row, values in complete.items()}
    fewest, most = min(hurt.values()), max(hurt.values())
    best = [row for row, count in hurt.items() if count == fewest]
    total = plural(len(differences.tasks), "task")
    if most == fewest:
        sentences = [f"Every method hurts {fewest} of {total}."]
    else:
        sentences = [f"Of {total}, {listed(best)} {'hurts' if len(best) == 1 else 'hurt'} the fewest: {fewest}."]
        worst = [row for row, count in hurt.items() if count == most]
        sentences.append(f"{listed(worst)} {'hurts' if len(worst) == 1 else 'hurt'} the most: {most}.")
    by_task = dict(zip(differences.tasks, np.array(list(complete.values())).T, strict=True))
    always = [task for task, values in by_task.items() if (values < 0).all()]
    never = [task for task, values in by_task.items() if (values >= 0).all()]
    if always:
        sentences.append(f"Worse than single-task with every method: {listed(always)}.")
    if never:
        sentences.append(f"Hurt by no method: {listed(never)}.")
    return sentences
