"""IMTL-L: every loss has a learned scale that brings it to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.methods._learned_scale import LearnedScale, exponential


class IMTLLState(NamedTuple):
    """The learned logarithms of the scales and what Adam remembers of them."""

    log_scales: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("imtl-l")
@dataclass(frozen=True)
class IMTLL(LearnedScale[IMTLLState]):
    r"""Loss balance: minimise :math:`\sum_i e^{s_i} \ell_i - s_i` over network and s.

    The weights are :math:`w_i = e^{s_i}`, starting at 1. At the optimum :math:`e^{s_i} = 1/\ell_i`: the scaled losses
    are equal. Up to a factor 2 and the sign of s this is the objective of ``uncertainty``, derived without a noise
    model; this is the loss balance of IMTL alone, which the paper also combines with its gradient balance.

    The scales are this method's own state and take one Adam step per training step, at their own learning rate and
    without weight decay. The paper trains them with the network's optimizer, whose learning rate is often too small
    for them, and whose weight decay would pull the weights towards 1.

    Example:
        The first loss is 1, where its scale belongs. The logarithm of the second scale falls by the learning rate:
        exp(-0.025) = 0.975.

        >>> from balancers import probe
        >>> probe("imtl-l", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 1], update=[-2, 4])
        >>> probe("imtl-l", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 4]])
        Response(weights=[1, 0.975], update=[-1.926, 3.901])

    Attributes:
        learning_rate: of the logarithms of the scales, per step.

    Reference: Liu et al., Towards Impartial Multi-Task Learning, ICLR 2021, Equation 6.
    """

    purpose = "learns a scale per task that brings its loss to 1"
    paper = "Liu et al., ICLR 2021"
    state_type = IMTLLState

    def weights_and_slope(
        self, logs: Float[np.ndarray, "*B K"], losses: Float[np.ndarray, "*B K"]
    ) -> tuple[Float[np.ndarray, "*B K"], Float[np.ndarray, "*B K"]]:
        """The scales, and the slope of the scaled loss minus the logarithm."""
        scales = exponential(logs)
        return scales, scales * losses - 1
