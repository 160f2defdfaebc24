"""The result of a solver: a point, and how well it solves the problem."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor


class Solution(NamedTuple):
    """A solution of one problem per replica.

    ``residual`` is the violation at ``point`` of the equation or the conditions that the solver's docstring states, in
    the units that it states: around 1e-14 where nothing cancels. It grows where gradients nearly cancel, because the
    result is then small beside what rounding may have changed. Where ``solved`` is False the problem has no solution,
    or none can be told from rounding, and ``point`` is what the solver's docstring promises instead.

    Example:
        >>> import torch
        >>> from balancers import Solution
        >>> solution = Solution(torch.tensor([0.5, 0.5]), torch.tensor(1e-16), torch.tensor(True))
        >>> bool(solution.solved), solution.point.tolist()
        (True, [0.5, 0.5])
    """

    point: Float[Tensor, "*B K"]
    residual: Float[Tensor, "*B"]
    solved: Bool[Tensor, "*B"]


class Certificate(NamedTuple):
    """How well a method's equations were solved, over all steps so far.

    Example:
        >>> from balancers import Sizes, create
        >>> method = create("nash-mtl")
        >>> certificate = method.certificate(method.init(Sizes(2)))  # before the first step
        >>> certificate.residual.item(), certificate.fallbacks.item()
        (0.0, 0.0)
    """

    residual: Float[Tensor, "*B"]  # the largest relative violation of the optimality conditions among solved steps
    fallbacks: Float[Tensor, "*B"]  # how many steps had no solution and used the method's documented fallback
