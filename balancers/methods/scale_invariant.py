"""Scale-invariant weighting: the sum of the logarithms of the losses."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless
from balancers.solvers.positive import inverse


@register("scale-invariant")
@dataclass(frozen=True)
class ScaleInvariant(Stateless):
    r"""The gradient of :math:`\sum_i \log \ell_i`: weights :math:`w_i = 1/\ell_i`.

    Multiplying a loss by a constant changes nothing. The logarithm is a plain one; public implementations put
    :math:`\log(1 + \ell_i)` or an epsilon in its place, which are invariant only where losses are large. A task at
    loss 0 gets weight 0.

    Example:
        The weights are 1 / 1 and 1 / 4.

        >>> from balancers import probe
        >>> probe("scale-invariant", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 0.25], update=[0.25, 1])

    Reference: the scale-invariant baseline of Navon et al., Multi-Task Learning as a Bargaining Game, ICML 2022.
    """

    purpose = "minimises the sum of the logarithms of the losses"
    paper = "Navon et al., ICML 2022"
    needs = Need.LOSSES
    positive_losses = True
    degree = 0
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """The inverse losses."""
        return inverse(evidence.losses)
