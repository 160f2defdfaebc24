"""The steps of a training after which something happens, and the factor that learning rates are lowered by."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.records.record import Cell
from benchmarks.training.batches import steps_per_epoch
from benchmarks.training.measuring.compute import steps_of_equal_compute
from tasks.base import Split

RATE_FACTOR = 0.5  # that the learning rate is multiplied by after each of the steps in `halvings`
PROGRESS_REPORTS = 200  # per training: often enough for a bar, rare enough to cost nothing


class TrainingSchedule(NamedTuple):
    """The steps of a training after which something happens; the first step is number 1."""

    steps: int  # all of them
    evaluations: frozenset[int]
    halvings: frozenset[int]  # of the learning rate
    equal_compute: int | None  # the compute of equal weights is spent; none if that is not before the last step
    reports: range  # of progress

    @classmethod
    def of(cls, cell: Cell, train: Split) -> TrainingSchedule:
        """The schedule of a cell that trains on the split ``train``."""
        epoch = steps_per_epoch(train, cell.batch_size)
        steps = cell.steps or (cell.epochs or 0) * epoch
        equal_compute, stride = steps_of_equal_compute(cell, steps), max(1, steps // PROGRESS_REPORTS)
        return cls(
            steps,
            evaluations=evaluation_points(steps, cell.evaluations),
            halvings=frozenset(number * epoch for number in cell.halve_at),
            equal_compute=equal_compute if equal_compute < steps else None,
            reports=range(stride, steps + 1, stride),
        )


def evaluation_points(steps: int, count: int) -> frozenset[int]:
    """The steps after which the model is evaluated: ``count`` evenly spaced ones, the last included."""
    return frozenset(round(steps * i / count) for i in range(1, count + 1)) - {0}
