"""Nash-MTL: the update that the tasks agree on when they bargain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.solving import clipped
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.bargaining import bargain


@register("nash-mtl")
@dataclass(frozen=True)
class NashMTL(Preferring):
    r"""The Nash bargaining solution: weights α > 0 with :math:`G \alpha = 1/\alpha`, element by element.

    The product of the gains :math:`g_i \cdot u` is the largest among updates of one length; :math:`\|u\| = \sqrt K`
    exactly, whatever the losses. At a Pareto stationary point there is no solution: the weights are then proportional
    to the weights of the shortest vector in the convex hull, which give no update, and the step counts as a fallback. A
    task with a gradient of zero gets weight 0, and K does not count it.

    The official code differs in five ways. It solves by at most 20 convex programmes, which a stopping rule compares in
    unequal units; when the rule ends them it keeps the iterate before the last; when the convex solver fails or is
    missing it silently goes on with the weights it had, at first equal ones; it clips the update of the shared
    parameters alone to ``max_norm`` = 1, which always happens and which the paper does not mention; and it can reuse
    weights for several steps, for which there is the wrapper ``every``.

    Example:
        The gains are 0.632 and 3.162, one over the weights. The update is 2 ** 0.5 long.

        >>> from balancers import probe
        >>> probe("nash-mtl", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.581, 0.316], update=[0.632, 1.265])

    Attributes:
        max_norm: the largest norm of the update, or none. Clipping scales all weights, those of heads too.
        preference: p in :math:`G \alpha = p/\alpha`, the asymmetric bargain: the product of the gains to the powers p
            is the largest. One positive number per task (in a `Balancer` also a mapping by task name), of which the
            proportions count; their mean is 1. Equal unless given.

    Reference: Navon et al., Multi-Task Learning as a Bargaining Game, ICML 2022, Claim 3.1 and Algorithm 1.
    """

    max_norm: float | None = None
    preference: Sequence[float] | None = None

    purpose = "takes the update that the tasks agree on in Nash bargaining"
    paper = "Navon et al., ICML 2022"
    version = 2
    needs = Need.GRAMIAN
    degree = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_norm is not None and not 0 < self.max_norm < float("inf"):
            raise ValueError(f"nash-mtl: expected max_norm to be positive or None, got {self.max_norm}")

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        return frozenset({Claim.NON_NEGATIVE, Claim.NON_CONFLICTING}) | self.symmetric

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """Positive weights, in units of one over the gradients' norms."""
        preference = shares * shares.shape[-1]
        return clipped(bargain(evidence.gramian, 1.0, evidence.resolution, preference), evidence.gramian, self.max_norm)
