"""The update nearest to one gradient that makes at least a given progress along all others: PCD."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import COSINE, DOUBLE
from balancers.contract.solution import Solution
from balancers.solvers.cosines import hull_of, length_of, products_with, sums_to_zero
from balancers.solvers.programmes import nonnegative
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.priority import SinglePriority, along_primary
from balancers.solvers.tolerances import ACCURATE


class PriorityProblem(NamedTuple):
    """Gradients of given lengths, one of which has priority.

    Example:
        >>> import torch
        >>> from balancers.solvers.priority import PriorityProblem
        >>> ones = torch.ones(2, dtype=torch.float64)
        >>> primary = torch.tensor([1.0, 0.0], dtype=torch.float64)
        >>> PriorityProblem(torch.eye(2, dtype=torch.float64), ones, primary, 0.5 * ones).secondary.tolist()
        [False, True]
    """

    cosines: Float[Tensor, "*B K K"]  # 0 on the diagonal of a gradient of norm 0
    lengths: Float[Tensor, "*B K"]  # of the gradients
    primary: Float[Tensor, "*B K"]  # 1 for the gradient with priority, 0 for the others
    tau: Float[Tensor, "*B K"]  # of every other gradient, the share of its length that the update must have along it

    @property
    def secondary(self) -> Bool[Tensor, "*B K"]:
        """Which gradients bound the update: those that are not zero, and not the one with priority."""
        return (self.primary == 0) & (self.cosines.diagonal(dim1=-2, dim2=-1) > 0)

    @property
    def required(self) -> Float[Tensor, "*B K"]:
        """The length that the update must have along every other gradient."""
        return torch.where(self.secondary, self.tau * self.lengths, 0.0)

    @property
    def matrix(self) -> Float[Tensor, "*B K K"]:
        """The cosines of the secondary gradients; the others are unit vectors that are orthogonal to all."""
        secondary = self.secondary
        inside = secondary[..., :, None] & secondary[..., None, :]
        return torch.where(inside, self.cosines, 0.0) + torch.diag_embed((~secondary).to(self.cosines.dtype))


def follow_primary(problem: PriorityProblem, resolution: float = DOUBLE) -> Solution:
    r"""Argmin of :math:`\|d - g_1\|` over :math:`u_j \cdot d \ge \tau_j \|g_j\|`, where :math:`u_j = g_j / \|g_j\|`.

    The point y says :math:`d = \sum_i y_i u_i`: :math:`y_1 = \|g_1\|`, and the other :math:`y_j \ge 0` solve a
    quadratic programme. The residual is the largest violation of the constraints, or of equality where
    :math:`y_j > 0`, and what rounding may add to it, in units of :math:`\|d\| + \tau_j \|g_j\|`. Where no update meets
    all constraints, or ``resolution`` hides it, the point is the primary gradient. Where τ is 0 and d is zero up to
    rounding, the point is zero. Neither counts as solved.

    Example:
        The gradient (-3, 4) must have a cosine of at least 0.5 / 5 with the update. The nearest to (1, 0) is (0.58,
        0.56).

        >>> import torch
        >>> from balancers.solvers.priority import PriorityProblem, follow_primary
        >>> cosines = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)  # of (1, 0) and (-3, 4)
        >>> lengths = torch.tensor([1.0, 5.0], dtype=torch.float64)
        >>> primary, tau = torch.eye(2, dtype=torch.float64)
        >>> follow_primary(PriorityProblem(cosines, lengths, primary, 0.02 * tau)).point.round(decimals=3).tolist()
        [1.0, 0.7]
    """
    if is_single(problem.cosines):
        return solved_by(along_primary, SinglePriority(*(part.numpy() for part in problem)), resolution)
    secondary, required = problem.secondary, problem.required
    own = problem.primary * problem.lengths
    missing = required - products_with(problem.cosines, own)
    size = torch.where(secondary, missing.abs(), 0.0).amax(-1, keepdim=True)
    target = torch.where(secondary & (size > 0), missing / size, -1.0)
    added = nonnegative(problem.matrix, target).point * size
    point = own + added
    violation = _violation(problem, point, added > 0)
    stationary = sums_to_zero(problem.cosines, point, resolution) & (own > 0).any(-1)
    meets = (violation < ACCURATE) & ~stationary & ~_incompatible(problem, resolution)
    residual = violation / _width(problem)  # what misses a constraint by that may be as far from the nearest
    fallback = torch.where((required > 0).any(-1, keepdim=True), own, 0.0)
    return Solution(torch.where(meets[..., None], point, fallback), residual, meets & (residual < ACCURATE))


def _violation(problem: PriorityProblem, point: Tensor, active: Tensor) -> Float[Tensor, "*B"]:
    missing = problem.required - products_with(problem.cosines, point)
    rounding = COSINE * point.sum(-1, keepdim=True)
    violation = torch.where(active, missing.abs(), missing.clamp(min=0)) + rounding
    size = length_of(problem.cosines, point)[..., None] + problem.required
    return torch.where(problem.secondary & (size > 0), violation / size, 0.0).amax(-1)


def _width(problem: PriorityProblem) -> Float[Tensor, "*B"]:
    """The width of the cone of what all secondary tasks gain from."""
    secondary = problem.secondary.to(problem.cosines.dtype)
    return hull_of(problem.cosines * secondary[..., :, None] * secondary[..., None, :]).distance


def _incompatible(problem: PriorityProblem, resolution: float) -> Bool[Tensor, "*B"]:
    """Whether gradients that must gain cancel with other secondary ones, up to rounding: no update lets all gain."""
    gaining = (problem.required > 0).to(problem.cosines.dtype)
    matrix = problem.matrix
    shares = nonnegative(matrix + gaining[..., :, None] * gaining[..., None, :], gaining).point
    return sums_to_zero(matrix, shares, resolution) & (gaining > 0).any(-1)
