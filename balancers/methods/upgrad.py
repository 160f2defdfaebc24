"""UPGrad: every gradient is projected onto the cone of updates that conflict with no task, then all are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.dual_cone import dual_cone


@register("upgrad")
@dataclass(frozen=True)
class UPGrad(Preferring):
    r"""Unconflicting projection of gradients: the mean of the projections of the :math:`g_i` onto the dual cone.

    The dual cone holds the vectors with :math:`g_j \cdot u \ge 0` for every j. The projection of :math:`g_i` has the
    weights :math:`\arg\min_{v \ge e_i} v^\top G v`, and the update is the mean over i. For two tasks it is half of
    PCGrad's.

    At a Pareto stationary point the cone is so thin that rounding decides which vectors it holds. Steps there count as
    fallbacks; the update is as short, and conflicts with no task by more than rounding.

    The authors' implementation replaces a Gramian with a trace below 1e-4 by zero, so that small losses get the plain
    mean, and adds 1e-4 of the trace to the diagonal, so that projections are inexact when norms differ much; here they
    are exact at any scale.

    Example:
        The projections onto the cone are (0.64, 0.48), which is the first gradient and 0.12 times the second, and (0,
        4). The update is their mean.

        >>> from balancers import probe
        >>> probe("upgrad", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[2, 0.56], update=[0.32, 2.24])

    Attributes:
        preference: of the mean over i, one positive number per task (in a `Balancer` also a mapping by task name), of
            which the proportions count. Equal unless given.

    Reference: Quinton and Rey, Jacobian Descent for Multi-Objective Optimization, 2024, Section 2.3, Equations 3 to 6.
    """

    preference: Sequence[float] | None = None

    purpose = "projects every gradient onto the updates that conflict with no task, and averages the projections"
    paper = "Quinton and Rey, 2024"
    version = 2
    needs = Need.GRAMIAN
    heads = "own"
    degree = 1

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        return frozenset({Claim.NON_NEGATIVE, Claim.NON_CONFLICTING}) | self.symmetric

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """One programme per task, solved together."""
        tasks = evidence.losses.shape[-1]
        own = torch.eye(tasks, dtype=torch.float64, device=evidence.losses.device).expand_as(evidence.gramian)
        solution = dual_cone(evidence.gramian, own, evidence.resolution)
        weights = (shares[..., None] * solution.point).sum(-2)
        return Solution(weights, solution.residual.amax(-1), solution.solved.all(-1))
