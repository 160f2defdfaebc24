"""FairGrad: α-fair shares of the gain, from the sum of gains over Nash bargaining to the worst-off task alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.solving import clipped
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.bargaining import bargain


@register("fairgrad")
@dataclass(frozen=True)
class FairGrad(Preferring):
    r"""α-fair gradient descent: weights w > 0 with :math:`G w = w^{-1/\alpha}`, element by element.

    α = 1 is Nash bargaining; with α to infinity the smallest gain :math:`g_i \cdot u` is as large as can be, which is
    the direction of MGDA. The losses times c make the update times :math:`c^{(1-\alpha)/(1+\alpha)}`. At a Pareto
    stationary point there is no solution: the weights are then proportional to the weights of the shortest vector in
    the convex hull, which give no update, and the step counts as a fallback. So does a step in which none is found, for
    a very large or small α and norms that differ by many orders of magnitude; that vector conflicts with no task. A
    task with a gradient of zero gets weight 0.

    The official code solves by bounded least squares from 1/K on the Gramian as it is, slowly and with a tolerance that
    depends on the scale; here it is Newton's method in relative changes, exact. It also multiplies the update by K, to
    match the sum, and clips it to ``max_norm`` = 1 then.

    Example:
        The gains, 0.791 and 1.927, are the weights to the power -1/2.

        >>> from balancers import probe
        >>> probe("fairgrad", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.598, 0.269], update=[0.791, 1.075])

    Attributes:
        alpha: how much the smaller gains count; the scripts of the official code use 2, its default is 1.
        max_norm: the largest norm of the update, or none. Clipping scales all weights, those of weighted heads too.
        preference: p in :math:`G w = (p/w)^{1/\alpha}`, the weighted sum of fair utilities. One positive number per
            task (in a `Balancer` also a mapping by task name), of which the proportions count; their mean is 1. Equal
            unless given.

    Reference: Ban and Ji, Fair Resource Allocation in Multi-Task Learning, ICML 2024, Equation 4 and Algorithm 1.
    """

    alpha: float = 2.0
    max_norm: float | None = None
    preference: Sequence[float] | None = None

    purpose = "shares the gain among the tasks by α-fairness"
    paper = "Ban and Ji, ICML 2024"
    version = 2
    needs = Need.GRAMIAN
    space = searching(alpha=Interval(0.5, 10.0, log=True))  # the paper tries 1 to 10
    heads = "own"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.1 <= self.alpha < float("inf"):
            raise ValueError(f"fairgrad: expected a finite alpha of at least 0.1, got {self.alpha}")
        if self.max_norm is not None and not 0 < self.max_norm < float("inf"):
            raise ValueError(f"fairgrad: expected max_norm to be positive or None, got {self.max_norm}")

    @property
    def degree(self) -> float | None:
        """Follows from the equation; clipping breaks the law."""
        return (1 - self.alpha) / (1 + self.alpha) if self.max_norm is None else None

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        return frozenset({Claim.NON_NEGATIVE, Claim.NON_CONFLICTING}) | self.symmetric

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """Positive weights."""
        preference = shares * shares.shape[-1]
        return clipped(
            bargain(evidence.gramian, self.alpha, evidence.resolution, preference), evidence.gramian, self.max_norm
        )
