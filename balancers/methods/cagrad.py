"""CAGrad: near the mean gradient, the update that helps the worst-off task most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.conflict_averse import conflict_averse


@register("cagrad")
@dataclass(frozen=True)
class CAGrad(Preferring):
    r"""Conflict-averse gradient descent: :math:`\max_u \min_i g_i \cdot u` with :math:`\|u - g_0\| \le c \|g_0\|`.

    Here :math:`g_0` is the mean gradient. The dual is the paper's: with w on the simplex minimising
    :math:`g_w \cdot g_0 + c \|g_0\| \|g_w\|`, :math:`g_w = \sum_i w_i g_i`, the update is
    :math:`u = g_0 + c \frac{\|g_0\|}{\|g_w\|} g_w`. Its weights are :math:`\frac1K + c \frac{\|g_0\|}{\|g_w\|} w_i`.
    c = 0 is the mean, and a large c has the direction of MGDA. Where :math:`g_w = 0`, at a Pareto stationary point, no
    update in the ball has a minimum above 0, and of those that have 0 it is the nearest to the mean, if that lies
    within the ball. Steps at such points count as fallbacks, because rounding may hide a direction that helps all
    tasks. A task with a gradient of zero has no influence.

    The update has the scale of the mean gradient. The official code for NYUv2 divides it by :math:`1 + c^2` and
    multiplies it by K, to match the sum; that for the toy problem divides it by :math:`1 + c`. ``rescale`` divides. The
    official code solves the dual by SLSQP from equal weights, which may stop early; here the solution is exact.

    Example:
        The mean gradient is (-1, 2) and increases the first loss. The update moves away from it along the first
        gradient, by 0.4 times its length: 0.4 * 5 ** 0.5 = 0.894.

        >>> from balancers import probe
        >>> probe("cagrad", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.394, 0.5], update=[-0.106, 2])

    Attributes:
        c: how far from the mean gradient the update may lie, in units of the mean gradient's norm; below 1 in the
            paper. The official code uses 0.4 for NYUv2 and 0.5 for the toy problem.
        rescale: as in the official code 0 for the paper's update, 1 to divide it by 1 + c², 2 to divide it by 1 + c.
        preference: of the mean gradient, one positive number per task (in a `Balancer` also a mapping by task name), of
            which the proportions count. Equal unless given.

    Reference: Liu et al., Conflict-Averse Gradient Descent for Multi-task Learning, NeurIPS 2021, Equation 3 and
    Algorithm 1.
    """

    c: float = 0.4
    rescale: int = 0
    preference: Sequence[float] | None = None

    purpose = "takes, near the mean gradient, the update that helps the worst-off task most"
    paper = "Liu et al., NeurIPS 2021"
    version = 2
    needs = Need.GRAMIAN
    space = searching(c=Interval(0.1, 0.9))  # the paper tries this range
    heads = "own"
    degree = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.c < float("inf"):
            raise ValueError(f"cagrad: expected a finite c of at least 0, got {self.c}")
        if self.rescale not in (0, 1, 2):
            raise ValueError(f"cagrad: expected rescale to be 0, 1 or 2, got {self.rescale!r}")

    @property
    def claims(self) -> frozenset[Claim]:
        """From c = 1 on the ball holds updates that conflict with no task, and the best of it is one."""
        always = {Claim.NON_NEGATIVE} | self.symmetric
        return frozenset(always | {Claim.NON_CONFLICTING} if self.c >= 1 else always)

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """Weights of at least the shares, before rescaling."""
        solution = conflict_averse(evidence.gramian, shares, self.c, evidence.resolution)
        divisor = (1.0, 1 + self.c**2, 1 + self.c)[self.rescale]
        return solution._replace(point=solution.point / divisor)
