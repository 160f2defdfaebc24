"""From the tensors of a public solver to arrays and back; the memory is shared, nothing is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from balancers.contract.arrays import tensors
from balancers.contract.solution import Solution

Vector = np.ndarray  # (K,), float64
Matrix = np.ndarray  # (K, K), float64


class ArraySolution(NamedTuple):
    """A `Solution` of one problem; of several with one Gramian, where point, residual and solved have an axis for them.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.arrays import ArraySolution
        >>> ArraySolution(np.ones(2), 0.0, True).point.tolist()
        [1.0, 1.0]
    """

    point: np.ndarray
    residual: float | np.ndarray
    solved: bool | np.ndarray


def solved_by(solver: Callable[..., ArraySolution], *arguments: Any) -> Solution:
    """The solution of a solver on arrays for tensors; overflow and division by zero pass in silence, as in torch.

    Example:
        >>> import torch
        >>> from balancers.solvers.single.arrays import solved_by
        >>> from balancers.solvers.single.min_norm import shortest_in_hull
        >>> solved_by(shortest_in_hull, torch.eye(2, dtype=torch.float64), 1e-8).point.tolist()
        [0.5, 0.5]
    """
    with np.errstate(all="ignore"):
        return as_solution(solver(*(each.numpy() if isinstance(each, Tensor) else each for each in arguments)))


def as_solution(solution: ArraySolution) -> Solution:
    """The solution in tensors.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.arrays import ArraySolution, as_solution
        >>> as_solution(ArraySolution(np.ones(2), 0.5, True)).residual.item()
        0.5
    """
    return Solution(tensors(solution.point), tensors(solution.residual), tensors(solution.solved))
