"""Steps of a cell at equal compute, counted in passes through the encoder."""

from __future__ import annotations

from balancers import create
from balancers.step.compute import relative_compute
from benchmarks.records.record import Cell


def steps_of_equal_compute(cell: Cell, steps: int) -> int:
    """The steps that a cell can take with the compute of ``steps`` steps of equal weights; at least one."""
    method = create(cell.balancer, **cell.hyperparameters)
    return max(1, round(steps / relative_compute(method, cell.place, len(cell.tasks))))
