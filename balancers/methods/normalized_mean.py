"""Normalized mean: all gradients are brought to one length, and nothing else is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless


@register("normalized-mean")
@dataclass(frozen=True)
class NormalizedMean(Stateless):
    r"""The baseline :math:`\bar n \sum_i g_i / n_i`, where :math:`n_i = \|g_i\|` and :math:`\bar n` is their mean.

    The weights are :math:`w_i = \bar n / n_i`: every task's gradient gets the mean length. The factor makes gradients
    of equal norms add up to their plain sum, and makes the update scale with the losses, so that it shrinks near an
    optimum as the update of equal weights does; without it every step would be equally long. A task whose gradient is
    zero gets no weight and does not count in the mean.

    Example:
        The norms are 1 and 5, their mean is 3.

        >>> from balancers import probe
        >>> probe("normalized-mean", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[3, 0.6], update=[1.2, 2.4])

    Reference: the norm-equalised mean, a baseline without a paper of its own; the direction is from Lin et al.,
    Dual-Balancing for Multi-Task Learning, Neural Networks 2025, without its averages over steps.
    """

    purpose = "brings all gradients to one length and sums them"
    paper = "Lin et al., Neural Networks 2025"
    needs = Need.GRAMIAN
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    @quiet
    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """The mean norm over each norm."""
        norms = evidence.norms.numpy()
        nonzero = norms > 0
        mean = norms.sum(-1, keepdims=True) / np.maximum(nonzero.sum(-1, keepdims=True), 1)
        return tensors(np.where(nonzero, mean / norms, 0.0))
