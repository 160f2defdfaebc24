"""Projections onto the cone of vectors that conflict with no gradient: the problem of DualProj and UPGrad."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles, hull_of, length_of, products_with
from balancers.solvers.programmes import nonnegative
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.dual_cone import project_onto_cone
from balancers.solvers.tolerances import ACCURATE, DAMPING, LARGE


def dual_cone(
    gramian: Float[Tensor, "*B K K"], references: Float[Tensor, "*B R K"], resolution: float = DOUBLE
) -> Solution:
    r"""Argmin of :math:`v^\top G v` over :math:`v \ge m`, for R references m at once.

    :math:`u = J^\top v` is then the projection of :math:`J^\top m` onto the cone of vectors that conflict with no
    gradient. The conditions of optimality are :math:`g_i^\top u \ge 0`, and equality where :math:`v_i > m_i`. The
    residual is the largest violation, in units of :math:`\|g_i\| \|u\|`, over the width of the cone (`hull_of`);
    a u that is zero up to rounding counts as long as what ``resolution`` says of it. At a Pareto stationary point
    nothing counts as solved: the cone is so thin there that rounding decides which vectors it holds.

    Example:
        The mean of (1, 0) and (-3, 4) is (-1, 2); the nearest vector that conflicts with neither is (0, 2).

        >>> import torch
        >>> from balancers.solvers.dual_cone import dual_cone
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> mean = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
        >>> dual_cone(gramian, mean).point.round(decimals=3).tolist()
        [[1.5, 0.5]]
    """
    if is_single(gramian):
        return solved_by(project_onto_cone, gramian, references, resolution)
    cosines, norms = angles(gramian)
    scaled = references * norms[..., None, :]
    size = scaled.abs().amax(-1, keepdim=True)
    scaled = torch.where(size > 0, scaled / size, 0.0)
    batch = (*scaled.shape[:-1], *cosines.shape[-1:], *cosines.shape[-1:])
    every = cosines[..., None, :, :].expand(batch)
    hull = hull_of(cosines, resolution)
    target = -scaled @ cosines
    extra = nonnegative(every, target).point
    parts = scaled + extra
    along = products_with(every, parts)
    length = torch.maximum(length_of(every, parts), resolution * parts.norm(dim=-1))[..., None]
    violation = torch.where(extra > 0, along.abs(), (-along).clamp(min=0))
    residual = torch.where(length > 0, violation / length, 0.0).amax(-1) / hull.distance[..., None]
    solved = ~hull.contains_zero[..., None] & (residual < ACCURATE)
    extra = tamed(every, target, extra, solved)
    added = torch.where(norms[..., None, :] > 0, extra * size / norms[..., None, :], 0.0)
    return Solution(references + added, residual, solved)


def tamed(
    cosines: Float[Tensor, "*B K K"],
    target: Float[Tensor, "*B K"],
    point: Float[Tensor, "*B K"],
    solved: Bool[Tensor, "*B"],
) -> Float[Tensor, "*B K"]:
    """The solutions of programmes; where one does not count and has large numbers that cancel, a damped one.

    Example:
        >>> import torch
        >>> from balancers.solvers.dual_cone import tamed
        >>> opposite = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
        >>> large, target = torch.tensor([2e6, 2e6]).double(), torch.tensor([1.0, -1.0]).double()
        >>> tamed(opposite, target, large, torch.tensor(False)).round(decimals=3).tolist()
        [1.0, 0.0]
    """
    wild = ~solved & (point.amax(-1) > LARGE)
    if not wild.any():
        return point
    damping = DAMPING * torch.eye(cosines.shape[-1], dtype=cosines.dtype, device=cosines.device)
    return torch.where(wild[..., None], nonnegative(cosines + damping, target).point, point)
