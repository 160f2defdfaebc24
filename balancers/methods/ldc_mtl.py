"""LDC-MTL: weights are learned that keep the weighted losses of neighbouring tasks alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.adam import adam_step

LARGEST = 80.0  # of a logit: beyond, its gate would leave the range of float32


class LDCMTLState(NamedTuple):
    """The logits, and what Adam remembers of them."""

    logits: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("ldc-mtl")
@dataclass(frozen=True)
class LDCMTL(Weighting[LDCMTLState]):
    r"""Loss discrepancy control, with one learned number per task.

    With the gates :math:`\sigma_i = 1 / (1 + e^{-\theta_i})`, network and logits θ both descend on

    .. math::
        \sum_i \frac{\sigma_i}{\Sigma} \ell_i + \lambda \sum_{i < K} |\sigma_i \ell_i - \sigma_{i+1} \ell_{i+1}|,

    where :math:`\Sigma` is the sum of the gates, taken as a constant. The weight of task i is the slope in its loss,
    :math:`w_i = \sigma_i (1 / \Sigma + \lambda (s_i - s_{i-1}))`, where :math:`s_i` is the sign of the i-th
    difference; it may be negative where λ is above :math:`1 / (2 \Sigma)`. Logits start at 1. A task that is absent is
    no neighbour.

    This is the rule of the official script for CelebA, where the weights depend on the losses alone. In its scripts for
    dense prediction a network of weights, which looks at the features, stands in the place of the logits, and that for
    NYUv2 first divides losses by their ratios in the first step; those for QM9 put logarithms of relative losses in the
    place of the losses. Neither is done here. The logits are this method's own state and take one Adam step per
    training step, without the epsilon of 1e-8; in the script the optimizer of the network trains them. As Σ counts as a
    constant, the first sum pulls all gates down for ever: after 80 / ``learning_rate`` steps or so all logits are at
    -80, where they stop, and the weights are equal.

    Example:
        Both gates are 0.731, half of their sum. The second loss is the larger one: λ times its gate, 0.007, is added to
        its weight and taken from the weight of the first. In the next step both logits are lower by 0.001.

        >>> from balancers import probe
        >>> probe("ldc-mtl", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.493, 0.507], update=[-1.029, 2.029])

    Attributes:
        discrepancy: λ. The scripts have 0.01 for 40 tasks, 0.05 for 3 and 11, and 0.1 for 2.
        learning_rate: of the logits, per step.

    Reference: Xiao et al., LDC-MTL: Balancing Multi-Task Learning through Scalable Loss Discrepancy Control, arXiv
    2502.08585; the official code for CelebA.
    """

    discrepancy: float = 0.01
    learning_rate: float = 1e-3

    purpose = "learns weights that keep the weighted losses of neighbouring tasks alike"
    paper = "Xiao et al., arXiv 2502.08585"
    needs = Need.LOSSES
    space = searching(
        discrepancy=Interval(0.01, 0.1, log=True),  # the range of the published scripts
        learning_rate=Interval(1e-4, 1e-2, log=True),  # around that of the script
    )
    degree = 1

    def __post_init__(self) -> None:
        if not 0 <= self.discrepancy < float("inf"):
            raise ValueError(f"ldc-mtl: expected a discrepancy of at least 0, got {self.discrepancy}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"ldc-mtl: expected a positive learning_rate, got {self.learning_rate}")

    def init(self, sizes: Sizes) -> LDCMTLState:
        """Logits of 1."""
        return LDCMTLState(sizes.per_task() + 1, sizes.per_task(), sizes.per_task(), sizes.per_task())

    @quiet
    def update(self, evidence: Evidence, state: LDCMTLState, draws: Draws) -> tuple[Tensor, LDCMTLState]:
        """The weights, and the logits after one Adam step."""
        losses, (logits, first, second, steps) = evidence.losses.numpy(), arrays(state)
        gates = 1 / (1 + np.exp(-logits))
        weights = gates * (1 / gates.sum(-1, keepdims=True) + self.discrepancy * _pull(gates * losses))
        slope = losses * weights * (1 - gates)
        steps = steps + 1
        direction, first, second = adam_step(slope, first, second, steps)
        logits = np.minimum(np.maximum(logits - self.learning_rate * direction, -LARGEST), LARGEST)
        return tensors((weights, LDCMTLState(logits, first, second, steps)))


def _pull(weighted: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """The slope of the sum of the distances between neighbours in each of them."""
    signs = np.sign(weighted[..., :-1] - weighted[..., 1:])
    pull = np.zeros_like(weighted)
    pull[..., :-1] += signs
    pull[..., 1:] -= signs
    return pull
