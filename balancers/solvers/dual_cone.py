"""Projections onto the cone of vectors that conflict with no gradient: the problem of DualProj and UPGrad."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles, length_of, products_with
from balancers.solvers.programmes import ACCURATE, nonnegative


def dual_cone(
    gramian: Float[Tensor, "*B K K"], references: Float[Tensor, "*B R K"], resolution: float = DOUBLE
) -> Solution:
    r"""Argmin of :math:`v^\top G v` over :math:`v \ge m`, for R references m at once.

    :math:`u = J^\top v` is then the projection of :math:`J^\top m` onto the cone of vectors that conflict with no
    gradient. The conditions of optimality are :math:`g_i^\top u \ge 0`, and equality where :math:`v_i > m_i`. The
    residual is the largest violation, in units of :math:`\|g_i\| \|u\|`; a u that is zero up to rounding counts as long
    as what ``resolution`` says of it.

    Example:
        The mean of (1, 0) and (-3, 4) is (-1, 2); the nearest vector that conflicts with neither is (0, 2).

        >>> import torch
        >>> from balancers.solvers.dual_cone import dual_cone
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> mean = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
        >>> dual_cone(gramian, mean).point.round(decimals=3).tolist()
        [[1.5, 0.5]]
    """
    cosines, norms = angles(gramian)
    scaled = references * norms[..., None, :]
    size = scaled.abs().amax(-1, keepdim=True)
    scaled = torch.where(size > 0, scaled / size, 0.0)
    batch = (*scaled.shape[:-1], *cosines.shape[-1:], *cosines.shape[-1:])
    every = cosines[..., None, :, :].expand(batch)
    extra = nonnegative(every, -scaled @ cosines).point
    parts = scaled + extra
    along = products_with(every, parts)
    length = torch.maximum(length_of(every, parts), resolution * parts.norm(dim=-1))[..., None]
    violation = torch.where(extra > 0, along.abs(), (-along).clamp(min=0))
    residual = torch.where(length > 0, violation / length, 0.0).amax(-1)
    added = torch.where(norms[..., None, :] > 0, extra * size / norms[..., None, :], 0.0)
    return Solution(references + added, residual, residual < ACCURATE)
