"""SLAW: weights in inverse proportion to gradient norms, which it estimates from how much the losses vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.registration import register
from balancers.contract.space import Choice, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting


class SLAWState(NamedTuple):
    """Moving mean and variance of the losses."""

    means: Float[Tensor, "*B K"]
    variances: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("slaw")
@dataclass(frozen=True)
class SLAW(Weighting[SLAWState]):
    r"""Scaled loss approximate weighting: :math:`w_i = K s_i^{-1} / \sum_j s_j^{-1}`.

    With moving averages :math:`a_i \leftarrow \beta a_i + (1 - \beta) \ell_i^2` and
    :math:`b_i \leftarrow \beta b_i + (1 - \beta) \ell_i`, this step's losses included, the estimate of the norm of a
    task's gradient is :math:`s_i = \sqrt{a_i - b_i^2}`. The variance is updated as such, which is the same but for
    the rounding of that difference. As in the authors' code, the averages are plain means over the first
    :math:`1/(1-\beta)` steps.

    That code also raises every estimate to at least 1e-5, which gives a task whose loss does not vary all the weight.
    Ours makes no difference between small and large losses: a task without an estimate, because its loss has not
    varied yet, has weight 1, and the others share theirs. The estimate is one of noise: without mini-batches it
    follows the trend of the loss.

    Example:
        The losses so far have the standard deviations 0.5 and 1.5, so that the weights are as 3 to 1.

        >>> from balancers import probe
        >>> probe("slaw", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [2, 1]])
        Response(weights=[1.5, 0.5], update=[0, 2])

    Attributes:
        beta: how much of the averages is kept in a step.

    Reference: Crawshaw and Košecká, SLAW: Scaled Loss Approximate Weighting for Efficient Multi-Task Learning, arXiv
    2109.08218, 2021.
    """

    beta: float = 0.99

    purpose = "weights the tasks by the inverse of how much their losses vary"
    paper = "Crawshaw and Košecká, arXiv 2109.08218"
    needs = Need.LOSSES
    space = searching(beta=Choice((0.9, 0.99, 0.999)))
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SUM_TO_TASKS, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.beta < 1:
            raise ValueError(f"slaw: expected a beta between 0 and 1, got {self.beta}")

    def init(self, sizes: Sizes) -> SLAWState:
        """Nothing seen yet."""
        return SLAWState(*(sizes.per_task() for _ in range(3)))

    @quiet
    def update(self, evidence: Evidence, state: SLAWState, draws: Draws) -> tuple[Tensor, SLAWState]:
        """The weights, from averages that include this step's losses."""
        means, variances, steps = arrays(state)
        steps = steps + 1
        rates = np.maximum(1 / steps, 1 - self.beta)
        deviations = evidence.losses.numpy() - means
        means = means + rates * deviations
        variances = (1 - rates) * (variances + rates * deviations**2)
        return tensors((_inverse_deviations(variances), SLAWState(means, variances, steps)))


def _inverse_deviations(variances: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """Weights in inverse proportion to the standard deviations, with mean 1; those without variance have weight 1."""
    varied = variances > 0
    inverse = np.where(varied, 1 / np.sqrt(variances), 0.0)
    mean = inverse.sum(-1, keepdims=True) / varied.sum(-1, keepdims=True)
    return np.where(varied, inverse / mean, 1.0)
