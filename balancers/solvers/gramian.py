r"""Solvers for the small problems that methods pose, on Gramians of K gradients: float64, batched, certified.

All of them first divide the norms of the gradients out, so that they work on cosines: neither the scale of the losses
nor gradients whose norms differ by many orders of magnitude cost accuracy, and no tolerance is absolute. Singular
Gramians are welcome: where several points are optimal, one of them is returned, and the gradient that they combine to
is the same for all.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.solution import Solution
from balancers.solvers.programmes import ACCURATE, RIDGE, ProgrammeLine, flat, nonnegative, search, shaped

NEWTON = 500  # steps; about ten are taken unless α is extreme and norms differ by many orders of magnitude
CALM = 0.25  # relative change below which Newton steps are taken whole
SHORT = 1e-3  # relative change from which on Newton's method surely converges
SETTLED = 1e-7  # relative change of the last Newton step; the next would be its square
STATIONARY = 1e-6  # a combination of gradients that is shorter, relative to its terms, is zero up to rounding
FAINT = 1e-100  # a share in the update below this has no effect


class Angles(NamedTuple):
    """A Gramian with the norms divided out; the cosine with a gradient of norm 0 is 0.

    Example:
        >>> import torch
        >>> from balancers.solvers.gramian import angles
        >>> angles(torch.tensor([[1.0, -3.0], [-3.0, 25.0]])).norms.tolist()
        [1.0, 5.0]
    """

    cosines: Float[Tensor, "*B K K"]
    norms: Float[Tensor, "*B K"]


def angles(gramian: Float[Tensor, "*B K K"]) -> Angles:
    """Cosines and norms; cosines that rounding made indefinite are replaced by the nearest ones that are not.

    Example:
        >>> import torch
        >>> from balancers.solvers.gramian import angles
        >>> round(angles(torch.tensor([[1.0, -3.0], [-3.0, 25.0]])).cosines[0, 1].item(), 3)
        -0.6
    """
    norms = gramian.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    inverse = torch.where(norms > 0, 1 / norms, 0.0)
    cosines = gramian * inverse[..., :, None] * inverse[..., None, :]
    ridge = RIDGE * torch.eye(gramian.shape[-1], dtype=gramian.dtype, device=gramian.device)
    if torch.linalg.cholesky_ex(cosines + ridge).info.any():
        values, vectors = torch.linalg.eigh(cosines)
        cosines = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
    return Angles(cosines, norms)


def min_norm(gramian: Float[Tensor, "*B K K"]) -> Solution:
    r"""The weights on the simplex that combine the gradients to the shortest vector: argmin :math:`w^\top G w`.

    Where gradients are zero, they share the weight. The minimum of :math:`w^\top G w + \tau(1^\top w - 1)^2` over
    :math:`w \ge 0` lies on the same ray for every τ, and is bounded whatever the Gramian.

    Example:
        The line from (1, 0) to (-3, 4) comes nearest to 0 after an eighth, at (0.5, 0.5).

        >>> import torch
        >>> from balancers.solvers.gramian import min_norm
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> min_norm(gramian).point.round(decimals=3).tolist()
        [0.875, 0.125]
    """
    cosines, norms = angles(gramian)
    zero = norms == 0
    smallest = norms.amin(-1, keepdim=True)
    ones = torch.where(zero, 1.0, smallest / norms)
    solution = nonnegative(cosines + ones[..., :, None] * ones[..., None, :], ones)
    weights = torch.where(smallest > 0, solution.point * ones, zero.to(gramian.dtype))
    return Solution(weights / weights.sum(-1, keepdim=True), solution.residual, solution.solved | zero.any(-1))


def simplex_qp(gramian: Float[Tensor, "*B K K"], linear: Float[Tensor, "*B K"]) -> Solution:
    r"""Argmin of :math:`\tfrac12 w^\top G w + q^\top w` over the simplex; no gradient may be zero.

    At the optimum :math:`Gw + q \ge \nu`, with equality where :math:`w > 0`. In :math:`G + \tau 1 1^\top` in the place
    of G the sum of the weights is unique for every :math:`\nu` and grows steadily with it, whether G is singular or
    not: a search for the :math:`\nu` at which it is 1.

    Example:
        Of 1/2 (w1 ** 2 + w2 ** 2) - w1 / 2 the minimum on the simplex is at w1 = 3/4.

        >>> import torch
        >>> from balancers.solvers.gramian import simplex_qp
        >>> linear = torch.tensor([-0.5, 0.0], dtype=torch.float64)
        >>> simplex_qp(torch.eye(2, dtype=torch.float64), linear).point.round(decimals=3).tolist()
        [0.75, 0.25]

    Raises:
        ValueError: a gradient is zero.
    """
    shape = linear.shape
    gramian, linear = flat(gramian), linear.reshape(-1, shape[-1])
    cosines, norms = angles(gramian)
    if not bool((norms > 0).all()):
        raise ValueError("simplex_qp: expected gradients that are not zero")
    smallest = norms.amin(-1, keepdim=True)
    ones = smallest / norms

    def excess(point: Tensor, target: Tensor) -> Tensor:  # noqa: ARG001
        return (point * ones).sum(-1) - 1

    def root(slope: Tensor, fixed: Tensor) -> Tensor:
        return (1 + (fixed * ones).sum(-1)) / (slope * ones).sum(-1)

    unit = smallest.squeeze(-1) ** 2
    low = linear.amin(-1) / unit
    high = (norms.amax(-1) ** 2 + linear.amax(-1)) / unit + 1
    steady = cosines + ones[..., :, None] * ones[..., None, :]
    solution = search(ProgrammeLine(steady, ones, linear / (norms * smallest), low, high), excess, root)
    weights = solution.point * ones
    return shaped(solution._replace(point=weights / weights.sum(-1, keepdim=True)), shape)


def dual_cone(gramian: Float[Tensor, "*B K K"], references: Float[Tensor, "*B R K"]) -> Solution:
    r"""Argmin of :math:`v^\top G v` over :math:`v \ge m`, for R references m at once.

    :math:`J^\top v` is then the projection of :math:`J^\top m` onto the cone of vectors that conflict with no gradient.

    Example:
        The mean of (1, 0) and (-3, 4) is (-1, 2); the nearest vector that conflicts with neither is (0, 2).

        >>> import torch
        >>> from balancers.solvers.gramian import dual_cone
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


def conflict_averse(gramian: Float[Tensor, "*B K K"], reference: Float[Tensor, "*B K"], radius: float) -> Solution:
    r"""The weights of CAGrad's update: that with the largest :math:`\min_i g_i^\top u` near :math:`g_0 = J^\top m`.

    Near means :math:`\|u - g_0\| \le c\|g_0\|`. If the largest minimum is ν, then u is the projection of
    :math:`g_0` onto :math:`\{u : g_i^\top u \ge \nu\}`, which is a non-negative programme: a search for the ν at which
    the distance is :math:`c\|g_0\|`; at a Pareto stationary point ν may be 0 before that. A gradient of norm zero has
    no say. Where :math:`g_0 = 0`, the point is the reference. Where no solution is found, it is some point in the ball.

    Example:
        The mean of (1, 0) and (-3, 4) is (-1, 2). Within half its length, 1.118, the best update is (0.118, 2).

        >>> import torch
        >>> from balancers.solvers.gramian import conflict_averse
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> mean = torch.full((2,), 0.5, dtype=torch.float64)
        >>> conflict_averse(gramian, mean, radius=0.5).point.round(decimals=3).tolist()
        [1.618, 0.5]
    """
    shape = reference.shape
    gramian, reference = flat(gramian), reference.reshape(-1, shape[-1])
    cosines, norms = angles(gramian)
    towards = (gramian @ reference[..., None]).squeeze(-1)
    centre = (reference * towards).sum(-1).clamp(min=0).sqrt()
    zero = norms == 0
    smallest = torch.where(zero, torch.inf, norms).amin(-1, keepdim=True)
    fine = (centre > 0) & smallest.squeeze(-1).isfinite() & (radius > 0)
    unit = torch.where(fine, centre, 1.0)
    ones = torch.where(zero, 0.0, smallest / norms)
    offset = torch.where(zero, 1.0, towards / (norms * unit[..., None]))

    def excess(point: Tensor, target: Tensor) -> Tensor:
        return (point * target).sum(-1) / radius**2 - 1  # at the optimum x'Cx = x'b, which is safe for singular C

    def root(slope: Tensor, fixed: Tensor) -> Tensor:
        square, mixed = (slope * ones).sum(-1), (slope * offset).sum(-1)
        return (mixed + (mixed**2 - square * ((fixed * offset).sum(-1) - radius**2)).sqrt()) / square

    cone = nonnegative(cosines, -offset)
    at_zero = fine & cone.solved & (length_of(cosines, cone.point) <= radius * (1 + ACCURATE))
    if at_zero.any():  # and no minimum above 0 can be had: the projection onto the cone is as good as any update
        at_zero &= _stationary(cosines)
    # g_i'u can be no larger than |g_i| |g_0| (1 + c), and is if all gradients agree: twice that is surely too far.
    low, searched = torch.where(zero, torch.inf, offset / ones).amin(-1), fine & ~at_zero
    line = ProgrammeLine(
        cosines, ones, offset, torch.where(searched, low, 0.0), torch.where(searched, 2 * (1 + radius), 0.0)
    )
    solution = search(line, excess, root)
    inside = solution.point * (radius / length_of(cosines, solution.point)).clamp(max=1)[..., None]
    best = torch.where(at_zero[..., None], cone.point, inside)
    added = torch.where(fine[..., None] & ~zero, best * unit[..., None] / norms, 0.0)
    residual = torch.where(at_zero, cone.residual, torch.where(fine, solution.residual, 0.0))
    return shaped(Solution(reference + added, residual, solution.solved | at_zero | ~fine), shape)


def length_of(cosines: Float[Tensor, "*B K K"], point: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
    """Norm of a combination of unit gradients.

    Example:
        >>> import torch
        >>> from balancers.solvers.gramian import length_of
        >>> length_of(torch.eye(2), torch.tensor([3.0, 4.0])).item()
        5.0
    """
    return (point * (cosines @ point[..., None]).squeeze(-1)).sum(-1).clamp(min=0).sqrt()


def _cancels(cosines: Float[Tensor, "*B K K"], point: Float[Tensor, "*B K"]) -> Tensor:
    """Whether a combination of unit gradients with weights of at least 0 is zero up to rounding."""
    return length_of(cosines, point) <= STATIONARY * point.sum(-1)


def _stationary(cosines: Float[Tensor, "*B K K"]) -> Tensor:
    """Whether the hull of the gradients that are not zero contains zero."""
    present = cosines.diagonal(dim1=-2, dim2=-1)
    return _cancels(cosines, nonnegative(cosines + present[..., :, None] * present[..., None, :], present).point)


def bargain(gramian: Float[Tensor, "*B K K"], alpha: float) -> Solution:
    r"""The positive solution of :math:`G w = w^{-1/\alpha}`, element by element: Nash bargaining for α = 1.

    Damped Newton on a convex function, in relative changes of w. A gradient of norm zero gets weight 0. At a Pareto
    stationary point there is no solution; there, and where none is found, the point is a multiple of that of
    `min_norm`.

    Example:
        >>> import torch
        >>> from balancers.solvers.gramian import bargain
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> weights = bargain(gramian, alpha=1.0).point
        >>> (weights * (gramian @ weights)).round(decimals=3).tolist()  # Gw = 1/w
        [1.0, 1.0]
    """
    cosines, norms = angles(gramian)
    zero = norms == 0
    logs = torch.where(zero, 0.0, norms.log())
    middle = logs.sum(-1, keepdim=True) / (~zero).sum(-1, keepdim=True).clamp(min=1)
    relative = torch.where(zero, 1.0, (logs - middle).exp())
    cosines = cosines + torch.diag_embed(zero.to(cosines.dtype))
    solution = _newton(cosines, relative ** (1 / alpha - 1), alpha)
    unit = (-2 * alpha / (1 + alpha) * middle).exp()  # of the weights
    weights = torch.where(zero, 0.0, solution.point / relative * unit)
    if not solution.solved.all():
        stationary = gramian.shape[-1] * min_norm(gramian).point * unit
        weights = torch.where(solution.solved[..., None], weights, stationary)
    return solution._replace(point=weights)


def _newton(cosines: Tensor, factors: Tensor, alpha: float) -> Solution:
    r"""The minimum of :math:`\tfrac12 v^\top C v - \sum_i c_i h(v_i)`, where :math:`h' = v^{-1/\alpha}`.

    With relative changes δ the step :math:`v (1 + t\delta)`, :math:`t = 1/(1 + \max|\delta|)`, always descends. A v
    that is fading away is let go.
    """
    caution = max(1.0, 1 / alpha)
    identity = torch.eye(cosines.shape[-1], dtype=cosines.dtype, device=cosines.device) / alpha
    point = (factors / cosines.abs().sum(-1)) ** (alpha / (1 + alpha))
    before = torch.full_like(point[..., :1], torch.inf)
    for _ in range(NEWTON):
        wanted = factors * point ** (1 - 1 / alpha)
        have = point * (cosines @ point[..., None]).squeeze(-1)
        scale = wanted.rsqrt()
        scaled = point * scale
        hessian = scaled[..., :, None] * cosines * scaled[..., None, :] + identity
        factor = torch.linalg.cholesky_ex(hessian).L
        change = scale * torch.cholesky_solve((scale * (wanted - have))[..., None], factor).squeeze(-1)
        idle = _cancels(cosines, point)[..., None] | (_faint(point) & (change < 0))
        change = torch.where(idle, 0.0, change)
        largest = change.abs().amax(-1, keepdim=True)
        point = point * (1 + torch.where(largest < CALM, 1.0, 1 / (1 + caution * largest)) * change)
        # Short steps square their relative length; one that does not even halve it is as short as rounding allows.
        if bool(((largest < SETTLED) | (before < SHORT) & (2 * largest > before)).all()):
            break
        before = largest
    have, wanted = (cosines @ point[..., None]).squeeze(-1), factors * point ** (-1 / alpha)
    magnitude = (cosines.abs() @ point[..., None]).squeeze(-1) + wanted
    violation = torch.where(_faint(point) & (have >= wanted), 0.0, (wanted - have).abs() / magnitude)
    residual = violation.amax(-1)
    cancels = _cancels(cosines, point)
    drowned = (wanted < ACCURATE * magnitude).any(-1)
    if drowned.any():  # a gain that rounding hides can be met by any number: the gradients themselves are asked
        cancels |= drowned & _stationary(cosines)
    return Solution(point, residual, (residual < ACCURATE) & ~cancels)


def _faint(point: Float[Tensor, "*B K"]) -> Tensor:
    return point < FAINT * point.amax(-1, keepdim=True)
