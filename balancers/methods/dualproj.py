"""DualProj: the mean gradient is projected onto the cone of updates that conflict with no task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.dual_cone import dual_cone


@register("dualproj")
@dataclass(frozen=True)
class DualProj(Preferring):
    r"""The projection of the mean gradient onto the dual cone :math:`\{u : g_i \cdot u \ge 0\}`.

    Its weights are :math:`\arg\min v^\top G v` over :math:`v \ge \tfrac1K`.

    Proposed for continual learning, where the gradient of the new task alone is projected; for tasks that count
    alike it is the mean gradient, as in the library of Quinton and Rey. That implementation replaces a Gramian with a
    trace below 1e-4 by zero and adds 1e-4 of the trace to its diagonal; here the projection is exact at any scale. At a
    Pareto stationary point the cone is so thin that rounding decides which vectors it holds: steps there count as
    fallbacks.

    Example:
        The mean gradient (-1, 2) conflicts with the first gradient. The nearest vector that does not is (0, 2).

        >>> from balancers import probe
        >>> probe("dualproj", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.5, 0.5], update=[0, 2])

    Attributes:
        preference: of the mean that is projected, one positive number per task (in a `Balancer` also a mapping by task
            name), of which the proportions count. Equal unless given.

    Reference: Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017, Equation 11; as an
    aggregator in Quinton and Rey, Jacobian Descent for Multi-Objective Optimization, 2024, Section 4.
    """

    preference: Sequence[float] | None = None

    purpose = "projects the mean gradient onto the updates that conflict with no task"
    paper = "Lopez-Paz and Ranzato, NeurIPS 2017"
    version = 2
    needs = Need.GRAMIAN
    heads = "own"
    degree = 1

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        return frozenset({Claim.NON_NEGATIVE, Claim.NON_CONFLICTING}) | self.symmetric

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """Weights of at least the shares."""
        solution = dual_cone(evidence.gramian, shares[..., None, :], evidence.resolution)
        return Solution(solution.point.squeeze(-2), solution.residual.squeeze(-1), solution.solved.squeeze(-1))
