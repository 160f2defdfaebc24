"""Negative transfer: which tasks each method makes worse than a model of their own."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.analysis.summaries import Aggregates, SuiteSummary
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import listed, methods, plural

TEXT = (
    "A task is hurt if its primary metric is worse on average over seeds than that of a model trained on it alone, "
    "however little. The worst task is the one with the largest loss, in percent of single-task. Under each suite: how "
    "many of its tasks are hurt."
)


class Transfer(NamedTuple):
    """The relative difference to single-task of every task in every row."""

    rows: tuple[str, ...]
    tasks: tuple[str, ...]  # "suite: task"
    relative: Array  # (rows, tasks), in percent, above 0 is better; NaN where it is unknown


def matrix(aggregates: Aggregates) -> Transfer:
    """The map of negative transfer, the row with the best mean over all suites first."""
    rows = methods(aggregates)
    columns = [(suite, k) for suite in aggregates.suites for k in range(len(suite.rows[0].primary))]
    relative = np.array([[_relative(suite, row, k) for suite, k in columns] for row in rows], dtype=float)
    names = tuple(f"{suite.name}: {suite.rows[0].primary[k].task}" for suite, k in columns)
    return Transfer(tuple(rows), names, relative.reshape(len(rows), len(columns)))


def _relative(suite: SuiteSummary, row: str, task: int) -> float:
    found = suite.row(row)
    return math.nan if found is None else found.primary[task].relative


def block(study: Results) -> Block | None:
    """How many tasks every row hurts, and which most; none without single-task baselines."""
    found = matrix(study.aggregates)
    if not np.isfinite(found.relative).any():
        return None
    suites = [suite.name for suite in study.aggregates.suites]
    sizes = [len(suite.rows[0].primary) for suite in study.aggregates.suites]
    ends = np.cumsum(sizes)[:-1]
    head = ["row", "tasks hurt", "worst task", "there", *suites]
    lines = [
        [row, _hurt(values), *_worst(found.tasks, values), *map(_hurt, np.split(values, ends))]
        for row, values in zip(found.rows, found.relative, strict=True)
    ]
    title = "Negative transfer: tasks that are worse than alone"
    return Block("transfer", title, TEXT, (head, lines), tuple(_sentences(found)))


def _hurt(values: Array) -> str:
    """As in 2/5, of the tasks with a result."""
    known = int(np.isfinite(values).sum())
    return formats.count(int((values < 0).sum()), known) if known else formats.NONE


def _worst(tasks: tuple[str, ...], values: Array) -> tuple[str, str]:
    if not (values < 0).any():
        return formats.NONE, formats.NONE
    worst = int(np.nanargmin(values))
    return tasks[worst], formats.percent(float(values[worst]))


def _sentences(found: Transfer) -> list[str]:
    complete = {row: v for row, v in zip(found.rows, found.relative, strict=True) if np.isfinite(v).all()}
    if not complete:
        return ["No row has a result for every task, so the numbers of hurt tasks cannot be compared."]
    hurt = {row: int((values < 0).sum()) for row, values in complete.items()}
    fewest, most = min(hurt.values()), max(hurt.values())
    best = [row for row, count in hurt.items() if count == fewest]
    total = plural(len(found.tasks), "task")
    if most == fewest:
        said = [f"Every row hurts {fewest} of {total}."]
    else:
        said = [f"Of {total}, {listed(best)} {'hurts' if len(best) == 1 else 'hurt'} the fewest: {fewest}."]
        worst = [row for row, count in hurt.items() if count == most]
        said.append(f"{listed(worst)} {'hurts' if len(worst) == 1 else 'hurt'} the most: {most}.")
    by_task = dict(zip(found.tasks, np.array(list(complete.values())).T, strict=True))
    always = [task for task, values in by_task.items() if (values < 0).all()]
    never = [task for task, values in by_task.items() if (values >= 0).all()]
    if always:
        said.append(f"Worse than alone with every method: {listed(always)}.")
    if never:
        said.append(f"Hurt by no method: {listed(never)}.")
    return said
