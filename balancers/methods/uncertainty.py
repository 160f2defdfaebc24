"""Uncertainty weighting: every task has a learned noise level, and noisy tasks count less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.registry import register
from balancers.solvers.adam import adam_step

MAX_LOG_VARIANCE = 80.0  # keeps weights within float32 when a loss stays at exactly 0 (or explodes)


class UncertaintyState(NamedTuple):
    """The learned log-variances and what Adam remembers of them."""

    log_variances: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("uncertainty")
@dataclass(frozen=True)
class Uncertainty(Weighting[UncertaintyState]):
    r"""Homoscedastic uncertainty: minimise :math:`\sum_i \tfrac12 e^{-s_i}\ell_i + \tfrac12 s_i` over network and s.

    The weights are :math:`w_i = \tfrac12 e^{-s_i}` with :math:`s_i = \log \sigma_i^2`, starting at 0. At the optimum
    :math:`e^{s_i} = \ell_i`. Losses must not be negative.

    The log-variances are this method's own state and take one Adam step per training step, at their own learning
    rate and without weight decay; they cannot be left out of an optimizer. The paper trains them with the network's
    optimizer, whose learning rate is often too small for them. It also writes a factor 1 in place of 1/2 for
    classification, which leaves the optimal weight :math:`1/(2\ell_i)` as it is; like all public implementations, we
    use 1/2 throughout.

    Attributes:
        learning_rate: of the log-variances, per step.

    Reference: Kendall, Gal and Cipolla, Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics, CVPR 2018, Equations 7 and 10.
    """

    learning_rate: float = 0.025

    needs = Need.LOSSES
    space = searching(learning_rate=Interval(1e-3, 0.1, log=True))
    positive_losses = True
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"uncertainty: expected a positive learning_rate, got {self.learning_rate}")

    def init(self, sizes: Sizes) -> UncertaintyState:
        """Unit variances."""
        return UncertaintyState(*(sizes.per_task() for _ in range(4)))

    def update(self, seen: Evidence, state: UncertaintyState, draws: Draws) -> tuple[Tensor, UncertaintyState]:
        """The weights, and the log-variances after one Adam step on the objective."""
        precisions = torch.exp(-state.log_variances)
        steps = state.steps + 1
        slope = 0.5 - 0.5 * precisions * seen.losses
        direction, first, second = adam_step(slope, state.first, state.second, steps)
        moved = state.log_variances - self.learning_rate * direction
        log_variances = moved.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
        return 0.5 * precisions, UncertaintyState(log_variances, first, second, steps)
