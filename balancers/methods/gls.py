"""Geometric loss strategy: the geometric mean of the losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless
from balancers.solvers.positive import SMALLEST, logarithm


@register("gls")
@dataclass(frozen=True)
class GLS(Stateless):
    r"""The gradient of :math:`L = \left(\prod_i \ell_i\right)^{1/K}`: weights :math:`w_i = L / (K \ell_i)`.

    The direction is the scale-invariant one, its length follows L. The mean is taken of logarithms, so that neither a
    hundred tasks nor losses of any size overflow; a public implementation multiplies the losses, and reports other
    weights than these, which are the ones that its gradient follows. A loss of 0 counts as the smallest positive
    number of single precision in L, and its task gets weight 0.

    Example:
        The geometric mean of the losses is 2; the weights are 2 / (2 * 1) and 2 / (2 * 4).

        >>> from balancers import probe
        >>> probe("gls", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 0.25], update=[0.25, 1])

    Reference: Chennupati et al., MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy for
    Multi-Task Learning, CVPR Workshops 2019.
    """

    purpose = "minimises the geometric mean of the losses"
    paper = "Chennupati et al., CVPR Workshops 2019"
    needs = Need.LOSSES
    positive_losses = True
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    @quiet
    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """The slope of the geometric mean in every loss."""
        losses = evidence.losses.numpy()
        logs = logarithm(losses)
        ratios = np.exp(logs.mean(-1, keepdims=True) - logs)
        return tensors(np.where(losses >= SMALLEST, ratios / logs.shape[-1], 0.0))
