"""Projections onto the cone of vectors that conflict with no gradient: the problem of DualProj and UPGrad."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles
from balancers.solvers.programmes import nonnegative


def dual_cone(gramian: Float[Tensor, "*B K K"], references: Float[Tensor, "*B R K"]) -> Solution:
    r"""Argmin of :math:`v^\top G v` over :math:`v \ge m`, for R references m at once.

    :math:`J^\top v` is then the projection of :math:`J^\top m` onto the cone of vectors that conflict with no gradient.

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
    solution = nonnegative(cosines[..., None, :, :].expand(batch), -scaled @ cosines)
    added = torch.where(norms[..., None, :] > 0, solution.point * size / norms[..., None, :], 0.0)
    return solution._replace(point=references + added)
