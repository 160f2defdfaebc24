"""The shortest vector in the convex hull of the gradients, from their Gramian: the problem of MGDA."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles, products_with
from balancers.solvers.programmes import nonnegative
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.min_norm import shortest_in_hull
from balancers.solvers.tolerances import ACCURATE


def min_norm(gramian: Float[Tensor, "*B K K"], resolution: float = DOUBLE) -> Solution:
    r"""The weights on the simplex that combine the gradients to the shortest vector: argmin :math:`w^\top G w`.

    Where gradients are zero, they share the weight. With :math:`u = \sum_i w_i g_i` the conditions of optimality are
    :math:`g_i^\top u \ge \|u\|^2`. The residual is the largest violation, in units of :math:`\|g_i\| \|u\|`; a u
    that is zero up to rounding counts as long as what ``resolution`` says of it.

    The minimum of :math:`w^\top G w + \tau(1^\top w - 1)^2` over :math:`w \ge 0` lies on the same ray for every τ, and
    is bounded whatever the Gramian.

    Example:
        The line from (1, 0) to (-3, 4) comes nearest to 0 after an eighth, at (0.5, 0.5).

        >>> import torch
        >>> from balancers.solvers.min_norm import min_norm
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> min_norm(gramian).point.round(decimals=3).tolist()
        [0.875, 0.125]
    """
    if is_single(gramian):
        return solved_by(shortest_in_hull, gramian, resolution)
    cosines, norms = angles(gramian)
    zero = norms == 0
    smallest = norms.amin(-1, keepdim=True)
    ones = torch.where(zero, 1.0, smallest / norms)
    solution = nonnegative(cosines + ones[..., :, None] * ones[..., None, :], ones)
    total = (solution.point * ones).sum(-1, keepdim=True)  # of the weights, in units of the shortest gradient
    parts = solution.point / total
    along = products_with(cosines, parts)
    square = (parts * along).sum(-1, keepdim=True).clamp(min=0)
    length = torch.maximum(square.sqrt(), resolution * parts.norm(dim=-1, keepdim=True))
    residual = ((square * ones - along) / length).amax(-1).clamp(min=0)
    weights = torch.where(smallest > 0, parts * ones, zero.to(gramian.dtype))
    residual = torch.where(smallest.squeeze(-1) > 0, residual, 0.0)
    return Solution(weights / weights.sum(-1, keepdim=True), residual, residual < ACCURATE)
