"""Uncertainty weighting: every task has a learned noise level, and noisy tasks count less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.methods._learned_scale import LearnedScale, exponential


class UncertaintyState(NamedTuple):
    """The learned log-variances and what Adam remembers of them."""

    log_variances: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("uncertainty")
@dataclass(frozen=True)
class Uncertainty(LearnedScale[UncertaintyState]):
    r"""Homoscedastic uncertainty: minimise :math:`\sum_i \tfrac12 e^{-s_i}\ell_i + \tfrac12 s_i` over network and s.

    The weights are :math:`w_i = \tfrac12 e^{-s_i}` with :math:`s_i = \log \sigma_i^2`, starting at 0. At the optimum
    :math:`e^{s_i} = \ell_i`. Losses must not be negative.

    The log-variances are this method's own state and take one Adam step per training step, at their own learning
    rate and without weight decay; they cannot be left out of an optimizer. The paper trains them with the network's
    optimizer, whose learning rate is often too small for them. It also writes a factor 1 in place of 1/2 for
    classification, which leaves the optimal weight :math:`1/(2\ell_i)` as it is; like all public implementations, we
    use 1/2 throughout.

    Example:
        The first loss is 1, where its variance belongs. The log-variance of the second rises by the learning rate: 0.5
        * exp(-0.025) = 0.488.

        >>> from balancers import probe
        >>> probe("uncertainty", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.5, 0.5], update=[-1, 2])
        >>> probe("uncertainty", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 4]])
        Response(weights=[0.5, 0.488], update=[-0.963, 1.951])

    Attributes:
        learning_rate: of the log-variances, per step.

    Reference: Kendall, Gal and Cipolla, Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics, CVPR 2018, Equations 7 and 10.
    """

    purpose = "learns a noise level per task; noisy tasks count less"
    paper = "Kendall et al., CVPR 2018"
    state_type = UncertaintyState

    def weights_and_slope(
        self, logs: Float[np.ndarray, "*B K"], losses: Float[np.ndarray, "*B K"]
    ) -> tuple[Float[np.ndarray, "*B K"], Float[np.ndarray, "*B K"]]:
        """Half the precisions, and the slope of the objective in the log-variances."""
        precisions = exponential(-logs)
        return 0.5 * precisions, 0.5 - 0.5 * precisions * losses
