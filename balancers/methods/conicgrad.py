"""ConicGrad: within a cone around the mean gradient, the loss that decreases least decreases as fast as it can."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.solving import Solving
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need
from balancers.solvers.conic import steepest_in_cone


@register("conicgrad")
@dataclass(frozen=True)
class ConicGrad(Solving):
    r"""Conic gradients: the best update within an angle of the mean gradient.

    With the mean gradient :math:`g_0` the update is

    .. math::
        u = \arg\max_d \min_i g_i^\top d \quad\text{where}\quad \cos(d, g_0) \ge c, \quad \|d\| = \|g_0\|.

    By duality u lies in the span of :math:`g_0` and one convex combination of the gradients. The paper has a closed
    form for u given that combination, and learns the combination over the training steps. Here the problem is solved
    exactly in every step, so nothing is remembered, and c is the only hyperparameter. On the surface of the cone u has
    the direction of CAGrad's update, for the radius that leads there.

    If no direction in the cone decreases all losses, no solution has the length of :math:`g_0`. The step is then
    counted as unsolved, and the update has the direction of CAGrad's with the largest radius that stays in the cone,
    :math:`\sqrt{1 - c^2}\, \|g_0\|`, the limit of the solution at the edge of solvability.

    Example:
        The best direction, (1, 1), lies outside of the cone around the mean gradient (-1, 2). The update lies on the
        surface of the cone, 60 degrees from the mean gradient and as long: 5 ** 0.5.

        >>> from balancers import probe
        >>> probe("conicgrad", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[2.632, 0.467], update=[1.232, 1.866])

    Attributes:
        c: the smallest cosine with the mean gradient, at least 0 and below 1. The default is a choice of this library.

    Reference: Hassanpour et al., Fantastic Multi-Task Gradient Updates and How to Find Them In a Cone,
    arXiv 2502.00217.
    """

    c: float = 0.5

    purpose = "takes, in a cone around the mean gradient, the update that decreases the slowest loss fastest"
    paper = "Hassanpour et al., arXiv 2502.00217"
    version = 2
    needs = Need.GRAMIAN
    space = searching(c=Interval(0.1, 0.9))
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 <= self.c < 1:
            raise ValueError(f"conicgrad: expected c of at least 0 and below 1, got {self.c}")

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        """The best direction in the cone, as long as the mean gradient."""
        mean = torch.full_like(evidence.losses, 1 / evidence.losses.shape[-1])
        return steepest_in_cone(evidence.gramian, mean, self.c, evidence.resolution)
