"""The update near a reference that helps the worst-off task most: the problem of CAGrad."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles, hull_contains_zero, length_of, products_with
from balancers.solvers.dual_cone import tamed
from balancers.solvers.programmes import ProgrammeLine, flat, nonnegative, search, shaped
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.conflict_averse import best_for_the_worst_off
from balancers.solvers.tolerances import ACCURATE, WILD


def conflict_averse(
    gramian: Float[Tensor, "*B K K"], reference: Float[Tensor, "*B K"], radius: float, resolution: float = DOUBLE
) -> Solution:
    r"""The weights of CAGrad's update: that with the largest :math:`\min_i g_i^\top u` near :math:`g_0 = J^\top m`.

    Near means :math:`\|u - g_0\| \le c\|g_0\|`. If the largest minimum is ν, then u is the projection of :math:`g_0`
    onto :math:`\{u : g_i^\top u \ge \nu\}`, which is a non-negative programme: a search for the ν at which the distance
    is :math:`c\|g_0\|`. At a Pareto stationary point ν may be 0 before that: then the point is the projection onto
    :math:`\{u : g_i^\top u \ge 0\}`. No step at such a point counts as solved, because a direction that helps all tasks
    may be hidden by rounding. A gradient of norm zero has no influence. Where :math:`g_0` is zero up to rounding, the
    point is the reference. Where no solution is found, it is some point in the ball.

    The conditions are :math:`g_i^\top u \ge \nu`, equality where a gradient was added to :math:`g_0`, and the distance.
    The residual is the largest violation, in units of :math:`\|g_i\| \|g_0\|` and of :math:`c\|g_0\|`.

    Example:
        The mean of (1, 0) and (-3, 4) is (-1, 2). Within half its length, 1.118, the best update is (0.118, 2).

        >>> import torch
        >>> from balancers.solvers.conflict_averse import conflict_averse
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> mean = torch.full((2,), 0.5, dtype=torch.float64)
        >>> conflict_averse(gramian, mean, radius=0.5).point.round(decimals=3).tolist()
        [1.618, 0.5]
    """
    if is_single(gramian):
        return solved_by(best_for_the_worst_off, gramian, reference, radius, resolution)
    shape = reference.shape
    gramian, reference = flat(gramian), reference.reshape(-1, shape[-1])
    cosines, norms = angles(gramian)
    parts = reference * norms
    centre = length_of(cosines, parts)
    zero = norms == 0
    smallest = torch.where(zero, torch.inf, norms).amin(-1, keepdim=True)
    fine = (centre > resolution * parts.norm(dim=-1)) & (radius > 0)
    unit = torch.where(fine, centre, 1.0)
    ones = torch.where(zero, 0.0, smallest / norms)
    offset = torch.where(zero, 1.0, products_with(cosines, parts) / unit[..., None])

    def excess(point: Tensor, target: Tensor) -> Tensor:
        return (point * target).sum(-1) / radius**2 - 1  # at the optimum x'Cx = x'b, which is safe for singular C

    def root(slope: Tensor, fixed: Tensor) -> Tensor:
        square, mixed = (slope * ones).sum(-1), (slope * offset).sum(-1)
        return (mixed + (mixed**2 - square * ((fixed * offset).sum(-1) - radius**2)).sqrt()) / square

    stationary = hull_contains_zero(cosines, resolution)
    at_zero = fine & stationary
    projected = torch.zeros_like(parts)
    if at_zero.any():  # no minimum above 0 can be had: the projection onto the cone is as good as any update
        matrix, target = cosines[at_zero], -offset[at_zero]
        projected[at_zero] = tamed(matrix, target, nonnegative(matrix, target).point, ~at_zero[at_zero])
        at_zero &= length_of(cosines, projected) <= radius * (1 + ACCURATE)
    # g_i'u can be no larger than |g_i| |g_0| (1 + c), and is if all gradients agree: twice that is surely too far.
    low, searched = torch.where(zero, torch.inf, offset / ones).amin(-1), fine & ~at_zero
    line = ProgrammeLine(
        cosines, ones, offset, torch.where(searched, low, 0.0), torch.where(searched, 2 * (1 + radius), 0.0)
    )
    best = projected
    if searched.any():
        point = search(line, excess, root).point
        inside = point * (radius / length_of(cosines, point)).clamp(max=1)[..., None]
        best = torch.where(searched[..., None], inside, projected)
    residual = torch.where(fine, _residual(line, best, searched, radius), 0.0)
    solved = ~(stationary & (radius > 0)) & (residual < ACCURATE)
    largest = best.amax(-1, keepdim=True)
    best = torch.where(solved[..., None] | (largest <= WILD), best, best * (WILD / largest))  # in the ball as well
    added = torch.where(fine[..., None] & ~zero, best * unit[..., None] / norms, 0.0)
    return shaped(Solution(reference + added, residual, solved), shape)


def _residual(
    line: ProgrammeLine, added: Float[Tensor, "N K"], searched: Bool[Tensor, "N"], radius: float
) -> Float[Tensor, "N"]:
    """The largest violation of the conditions; without a search the least gain is 0, and no distance is asked for."""
    zero = line.slope == 0
    along = line.offset + products_with(line.cosines, added)  # of the update with unit gradients
    least = torch.where(searched, torch.where(zero, torch.inf, along / line.slope).amin(-1), 0.0)[..., None]
    wanted = least * line.slope
    misses = torch.where(added > 0, (along - wanted).abs(), (wanted - along).clamp(min=0))
    largest = torch.where(zero, 0.0, misses).amax(-1)
    if radius == 0:
        return largest
    off = torch.where(searched, (length_of(line.cosines, added) / radius - 1).abs(), 0.0)
    return torch.maximum(largest, off)
