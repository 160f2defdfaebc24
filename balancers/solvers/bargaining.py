"""Weights that share the gain among the tasks by Nash bargaining or α-fairness: Nash-MTL, FairGrad."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import COSINE, DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.cosines import angles, hull_contains_zero, products_with, sums_to_zero
from balancers.solvers.min_norm import min_norm
from balancers.solvers.programmes import flat, shaped
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.bargaining import fair_weights
from balancers.solvers.tolerances import ACCURATE, CALM, CONVERGED, FAINT, NEWTON, SHORT


def bargain(
    gramian: Float[Tensor, "*B K K"],
    alpha: float,
    resolution: float = DOUBLE,
    preference: Float[Tensor, "*B K"] | None = None,
) -> Solution:
    r"""The positive solution of :math:`G w = (p / w)^{1/\alpha}`, element by element: Nash bargaining for α = 1.

    The preference p is 1 for every task unless given; w = p x with the gains x of a task to the power -α.
    Damped Newton on a convex function, in relative changes of w. A gradient of norm zero gets weight 0. At a Pareto
    stationary point (`hull_contains_zero`) there is no solution; there, and where rounding hides one, the point is a
    multiple of the weights of `min_norm`. The residual is the largest relative error of a weight that the difference
    between both sides of the equation, and rounding of the left one, may stand for.

    Example:
        >>> import torch
        >>> from balancers.solvers.bargaining import bargain
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> weights = bargain(gramian, alpha=1.0).point
        >>> (weights * (gramian @ weights)).round(decimals=3).tolist()  # Gw = 1/w
        [1.0, 1.0]
    """
    if is_single(gramian):
        return solved_by(fair_weights, gramian, alpha, resolution, preference)
    shape = gramian.shape[:-1]
    gramian = flat(gramian)
    wanted = torch.ones_like(gramian[..., 0]) if preference is None else preference.reshape(gramian.shape[:-1])
    cosines, norms = angles(gramian)
    zero = norms == 0
    logs = torch.where(zero, 0.0, norms.log())
    middle = logs.sum(-1, keepdim=True) / (~zero).sum(-1, keepdim=True).clamp(min=1)
    relative = torch.where(zero, 1.0, (logs - middle).exp())
    stationary = hull_contains_zero(cosines, resolution)
    cosines = cosines + torch.diag_embed(zero.to(cosines.dtype))
    unit = (-2 * alpha / (1 + alpha) * middle).exp()  # of the weights
    point, residual = torch.ones_like(norms), torch.zeros_like(norms[..., 0])
    if not stationary.all():
        going = ~stationary
        factors = wanted ** (1 / alpha) * relative ** (1 / alpha - 1)
        point[going], residual[going] = _newton(cosines[going], factors[going], alpha)
    solved = ~stationary & (residual < ACCURATE)
    weights = torch.where(zero, 0.0, point / relative * unit)
    if not solved.all():
        shortest = gramian.shape[-1] * min_norm(gramian, resolution).point * unit
        weights = torch.where(solved[..., None], weights, shortest)
    return shaped(Solution(weights, residual, solved), shape)


def _newton(cosines: Float[Tensor, "N K K"], factors: Float[Tensor, "N K"], alpha: float) -> tuple[Tensor, Tensor]:
    r"""The minimum of :math:`\tfrac12 v^\top C v - \sum_i c_i h(v_i)`, where :math:`h' = v^{-1/\alpha}`; its residual.

    With relative changes δ the step :math:`v (1 + t\delta)`, :math:`t = 1/(1 + \max|\delta|)`, always descends. A v
    that is fading away is let go, and so is a sum that rounding hides.
    """
    caution = max(1.0, 1 / alpha)
    point = (factors / cosines.abs().sum(-1)) ** (alpha / (1 + alpha))
    before = torch.full_like(point[..., :1], torch.inf)
    for _ in range(NEWTON):
        wanted = factors * point ** (1 - 1 / alpha)
        have = point * products_with(cosines, point)
        scale = wanted.rsqrt()
        factor = _factor(cosines, point * scale, alpha)
        change = scale * torch.cholesky_solve((scale * (wanted - have))[..., None], factor).squeeze(-1)
        idle = sums_to_zero(cosines, point)[..., None] | (_faint(point) & (change < 0))
        change = torch.where(idle, 0.0, change)
        largest = change.abs().amax(-1, keepdim=True)
        point = point * (1 + torch.where(largest < CALM, 1.0, 1 / (1 + caution * largest)) * change)
        # Short steps square their relative length; one that does not even halve it is as short as rounding allows.
        if bool(((largest < CONVERGED) | (before < SHORT) & (2 * largest > before)).all()):
            break
        before = largest
    return point, _relative_error(cosines, factors, alpha, point)


def _relative_error(cosines: Tensor, factors: Tensor, alpha: float, point: Float[Tensor, "N K"]) -> Float[Tensor, "N"]:
    """A bound of the relative change that another Newton step would make, were it computed without rounding."""
    wanted = factors * point ** (1 - 1 / alpha)
    have = point * products_with(cosines, point)
    rounding = COSINE * (point * products_with(cosines.abs(), point) + wanted)
    missed = torch.where(_faint(point) & (have >= wanted), 0.0, (wanted - have).abs() + rounding)
    scale = wanted.rsqrt()
    change = scale * products_with(torch.cholesky_inverse(_factor(cosines, point * scale, alpha)).abs(), scale * missed)
    return change.nan_to_num(torch.inf).amax(-1)


def _factor(cosines: Tensor, scaled: Float[Tensor, "N K"], alpha: float) -> Float[Tensor, "N K K"]:
    """The Cholesky factor of the Hessian, in the scale in which its diagonal is at least 1/α."""
    identity = torch.eye(cosines.shape[-1], dtype=cosines.dtype, device=cosines.device) / alpha
    return torch.linalg.cholesky_ex(scaled[..., :, None] * cosines * scaled[..., None, :] + identity).L


def _faint(point: Float[Tensor, "*B K"]) -> Tensor:
    return point < FAINT * point.amax(-1, keepdim=True)
