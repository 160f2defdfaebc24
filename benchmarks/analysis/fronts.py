"""Methods against the front of fixed weights: is there a weighted sum of the losses that does as well on every task?"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.statistics import distance_to_front, dominated, hypervolume, nondominated
from benchmarks.analysis.summaries import RowSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK, Record

MARGIN = 0.1  # of the front's extent on a task


class WeightFront(NamedTuple):
    """The front of fixed weights on one suite, and the rows beside it, in percent of single-task; higher is better."""

    suite: str
    tasks: tuple[str, ...]
    points: np.ndarray  # (M, K), one for each vector of weights
    rows: dict[str, np.ndarray]  # (K,) each
    dominated: dict[str, bool]  # whether some weights are at least as good on every task, and better on one
    ahead: dict[str, float]  # points by which the row beats the front on every task; below 0, it lies behind
    adds: dict[str, float]  # what the row adds to the hypervolume of the front, in percent; NaN of a single point


def fronts(
    suites: Sequence[SuiteSummary], records: Sequence[Record], front: Sequence[Record], sums: Collection[str]
) -> list[WeightFront]:
    """The fronts of all suites that have one.

    Args:
        suites: the aggregates.
        records: those that the aggregates are made of; the single-task ones are what all is relative to.
        front: the records of the fixed weights.
        sums: the rows that are weighted sums as well, such as equal and tuned weights: points of the front like others.
    """
    if not front:
        return []
    single = [record for record in records if record.cell.row == SINGLE_TASK]
    named = [_named(record) for record in front]
    weights_of = {suite.name: suite for suite in aggregate([*single, *named]).suites}
    candidates = (_front(suite, weights_of[suite.name], sums) for suite in suites if suite.name in weights_of)
    return [each for each in candidates if each is not None]


def _named(record: Record) -> Record:
    """Each vector of weights as a row of its own."""
    return record.model_copy(update={"cell": record.cell.model_copy(update={"row": f"weights {record.cell.trial}"})})


def _front(suite: SuiteSummary, weights: SuiteSummary, sums: Collection[str]) -> WeightFront | None:
    points = _points([row for row in weights.rows if row.row != SINGLE_TASK])
    rows = _points([row for row in suite.rows if row.row != SINGLE_TASK])
    points |= {row: point for row, point in rows.items() if row in sums and points}
    if not points or not rows:
        return None
    front, places = np.array(list(points.values())), np.array(list(rows.values()))
    front = front[nondominated(front)]
    behind = distance_to_front(places, front)
    return WeightFront(
        suite=suite.name,
        tasks=suite.tasks,
        points=front[np.argsort(front[:, 0])],
        rows=rows,
        dominated=dict(zip(rows, dominated(places, front).tolist(), strict=True)),
        ahead=dict(zip(rows, (-behind).tolist(), strict=True)),
        adds={row: _added(place, front) for row, place in rows.items()},
    )


def _added(place: np.ndarray, front: np.ndarray) -> float:
    """Growth of the volume above a point that is a little below the front on every task, so that its ends count."""
    low, high = front.min(0), front.max(0)
    reference = low - MARGIN * (high - low)
    before = hypervolume(front, reference).value
    return 100 * (hypervolume(np.vstack([front, place]), reference).value / before - 1) if before else math.nan


def _points(rows: Sequence[RowSummary]) -> dict[str, np.ndarray]:
    """The relative primary metrics of every row that has all of them."""
    points = {row.row: np.array([metric.relative for metric in row.primary]) for row in rows}
    return {row: point for row, point in points.items() if point.size and np.isfinite(point).all()}
