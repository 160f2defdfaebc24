"""The time of each solver by itself, for 2 to 100 tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.solvers.bargaining import bargain
from balancers.solvers.conflict_averse import conflict_averse
from balancers.solvers.conic import steepest_in_cone
from balancers.solvers.dual_cone import dual_cone
from balancers.solvers.min_norm import min_norm
from balancers.solvers.spectral import equal_projections, spectrum
from balancers.step.products import gramian_of
from benchmarks.studies.timing import Effort, alternate

TASKS = (2, 3, 5, 11, 20, 40, 100)
EFFORT = Effort(0.3, fewest=3, most=50)
INDEPENDENT, DEPENDENT, STATIONARY = KINDS = ("independent", "dependent", "stationary")

# The name says what a solver finds on a Gramian, and which methods use it.
SOLVERS: dict[str, Callable[[Tensor], object]] = {
    "shortest vector (MGDA)": min_norm,
    "projection onto the dual cone (DualProj)": lambda gramian: dual_cone(gramian, _mean(gramian)[None]),
    "K projections onto the dual cone (UPGrad)": lambda gramian: dual_cone(
        gramian, torch.eye(len(gramian), dtype=gramian.dtype)
    ),
    "conflict-averse direction (CAGrad)": lambda gramian: conflict_averse(gramian, _mean(gramian), 0.4),
    "steepest direction in a cone (ConicGrad)": lambda gramian: steepest_in_cone(gramian, _mean(gramian), 0.5),
    "bargaining (Nash-MTL)": lambda gramian: bargain(gramian, 1.0),
    "fair weights (FairGrad)": lambda gramian: bargain(gramian, 2.0),
    "equal projections (ConFIG, IMTL-G)": equal_projections,
    "spectrum (Aligned-MTL)": spectrum,
}


class Solve(NamedTuple):
    """A solver on one Gramian."""

    solver: str
    tasks: int
    gradients: str  # one of `KINDS`
    seconds: float


def solves(numbers: Sequence[int] = TASKS, effort: float = 1.0) -> Iterator[Solve]:
    """Every solver on random gradients of every kind.

    Args:
        numbers: the numbers of tasks.
        effort: how long to measure, in the usual time.
    """
    for tasks in numbers:
        for gradients in KINDS:
            gramian = gramian_of(_gradients(tasks, gradients))
            steps = {name: _call(solver, gramian) for name, solver in SOLVERS.items()}
            for name, seconds in alternate(steps, lambda: None, EFFORT.times(effort)).items():
                yield Solve(name, tasks, gradients, seconds)


def _gradients(tasks: int, kind: str) -> Tensor:
    generator = torch.Generator().manual_seed(tasks)
    dimension = max(1, tasks // 2) if kind == DEPENDENT else 2 * tasks
    rows = torch.randn(tasks, dimension, generator=generator, dtype=torch.float64)
    return rows - rows.mean(0) if kind == STATIONARY else rows


def _call(solver: Callable[[Tensor], object], gramian: Tensor) -> Callable[[], object]:
    return lambda: solver(gramian)


def _mean(gramian: Tensor) -> Tensor:
    return torch.full_like(gramian[0], 1 / len(gramian))
