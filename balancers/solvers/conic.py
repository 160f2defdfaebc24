"""The direction within a cone along which the loss that decreases least decreases most, from the Gramian."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import COSINE, DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.conflict_averse import conflict_averse
from balancers.solvers.cosines import angles, hull_of, length_of, products_with, sums_to_zero
from balancers.solvers.programmes import Measure, ProgrammeLine, flat, nonnegative, search, shaped
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.conic import steepest
from balancers.solvers.tolerances import ACCURATE, FAR, LARGE


def steepest_in_cone(
    gramian: Float[Tensor, "*B K K"], reference: Float[Tensor, "*B K"], cosine: float, resolution: float = DOUBLE
) -> Solution:
    r"""The weights of argmax of :math:`\min_i g_i^\top d` over d as long as :math:`g_0 = J^\top m` and near it.

    Near means :math:`\cos(d, g_0) \ge c`. If the direction of the shortest vector between the gradients is in the cone,
    it is the best of all. Else d lies on the cone's surface and is a multiple of the projection of :math:`g_0` onto
    :math:`\{u : g_i^\top u \ge \nu\}`: a search for the ν at which the cosine is c. A gradient of norm zero has no
    influence. The conditions are :math:`g_i^\top d \ge \nu`, equality for the gradients that d is made of beside
    :math:`g_0`, and the cosine. The residual is the largest violation, in units of :math:`\|g_i\| \|d\|`, and at least
    what rounding of the cosines may turn d by: it goes with the inverse square of the hull's distance from zero.

    Where no direction in the cone decreases all losses, as at a Pareto stationary point, the problem has no solution,
    and d has the direction of `conflict_averse` for the largest radius that stays in the cone, the limit of the
    solution at the edge of solvability. Where that direction or :math:`g_0` is zero up to rounding, or large numbers
    cancel in it, the point is the reference.

    Example:
        The mean of (1, 0) and (-3, 4) is (-1, 2). At most 60 degrees from it, and as long, the best is (1.232, 1.866).

        >>> import torch
        >>> from balancers.solvers.conic import steepest_in_cone
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> mean = torch.full((2,), 0.5, dtype=torch.float64)
        >>> steepest_in_cone(gramian, mean, cosine=0.5).point.round(decimals=3).tolist()
        [2.632, 0.467]
    """
    if is_single(gramian):
        return solved_by(steepest, gramian, reference, cosine, resolution)
    shape = reference.shape
    gramian, reference = flat(gramian), reference.reshape(-1, shape[-1])
    cosines, norms = angles(gramian)
    parts = reference * norms
    length = length_of(cosines, parts)
    nonzero = length > resolution * parts.norm(dim=-1)
    stationary, distance = hull_of(cosines, resolution)
    solvable = nonzero & ~stationary
    best, residual = parts.clone(), torch.zeros_like(length)
    if solvable.any():
        centre = parts[solvable] / length[solvable, None]
        best[solvable], residual[solvable] = _steepest(cosines[solvable], norms[solvable], centre, cosine)
    residual = torch.where(solvable, torch.maximum(residual, shape[-1] * COSINE / distance**2), residual)
    solved = ~stationary & (residual < ACCURATE)
    if not solved.all():
        averse = conflict_averse(gramian, reference, (1 - cosine**2) ** 0.5, resolution)
        best = torch.where(solved[:, None], best, averse.point * norms)
    stretch = length / length_of(cosines, best)
    wild = ~solved & (stretch * best.abs().amax(-1) > LARGE * parts.abs().amax(-1))
    lost = sums_to_zero(cosines, best, resolution) | ~nonzero | wild
    scale = torch.where(norms == 0, 0.0, stretch[:, None] / norms)
    weights = torch.where(lost[:, None], reference, best * scale)
    return shaped(Solution(weights, residual, solved), shape)


def _steepest(
    cosines: Float[Tensor, "N K K"], norms: Float[Tensor, "N K"], centre: Float[Tensor, "N K"], cosine: float
) -> tuple[Float[Tensor, "N K"], Float[Tensor, "N"]]:
    """The combination of unit gradients with the best direction, if it is one, and its residual."""
    zero = norms == 0
    cosines = cosines + torch.diag_embed(zero.to(norms.dtype))
    ones = torch.where(zero, 0.0, torch.where(zero, torch.inf, norms).amin(-1, keepdim=True) / norms)
    offset = torch.where(zero, 1.0, products_with(cosines, centre))
    free = nonnegative(cosines + ones[..., :, None] * ones[..., None, :], ones).point
    inside = (offset * free).sum(-1) >= cosine * length_of(cosines, free)
    added, best = free, free
    if not inside.all():
        low = torch.where(zero, torch.inf, offset / ones).amin(-1).clamp(min=0)
        excess, root = _measures(ones, offset, cosine)
        # If the projection that conflicts with no gradient is outside of the cone, so is every one that helps them all.
        hopeless = excess(nonnegative(cosines, -offset).point, -offset) > 0
        high = torch.where(inside | hopeless, low, FAR * (1 + low))
        bound = search(ProgrammeLine(cosines, ones, offset, low, high), excess, root).point
        added = torch.where(inside[:, None], free, bound)
        best = torch.where(inside[:, None], free, centre + bound)
    along, length = products_with(cosines, best), length_of(cosines, best)
    least = torch.where(zero, torch.inf, along / ones).amin(-1, keepdim=True)
    misses = torch.where(added > 0, (along - least * ones).abs(), 0.0).amax(-1)
    turned = cosine - (offset * best).sum(-1) / length
    off = torch.where(inside, turned.clamp(min=0), turned.abs())
    helped = least.squeeze(-1) > 0  # all losses decrease, or else there is no solution
    return best, torch.where(helped, torch.maximum(misses / length, off), torch.inf).nan_to_num(torch.inf)


def _measures(ones: Float[Tensor, "N K"], offset: Float[Tensor, "N K"], cosine: float) -> tuple[Measure, Measure]:
    """The wanted cosine with the reference minus the cosine of a point, and where on the line this is zero."""

    def excess(point: Tensor, target: Tensor) -> Tensor:
        along = (offset * point).sum(-1)
        square = 1 + 2 * along + (point * target).sum(-1)
        return cosine - torch.where(square > 0, (1 + along) * square.rsqrt(), 1.0)

    def root(slope: Tensor, fixed: Tensor) -> Tensor:
        # On one support the vector is E + s P, with E orthogonal to its gradients, and the reference E + F: its cosine
        # is (|E|^2 + s F.P) / sqrt(|E|^2 + s^2 |P|^2). Two places have the wanted cosine: the one beyond the
        # maximum is returned.
        beside = 1 - (fixed * offset).sum(-1)
        across, along = (slope * ones).sum(-1), (slope * offset).sum(-1)
        square = along**2 - cosine**2 * across
        middle, rest = beside * along, beside * (beside - cosine**2)
        spread = (middle**2 - square * rest).sqrt()
        beyond = torch.where(square < 0, -(middle + spread) / square, torch.nan)
        return torch.where(along < 0, rest / (spread - middle), beyond)

    return excess, root
