"""IMTL-L: every loss has a learned scale that brings it to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.registry import register
from balancers.solvers.adam import adam_step

MAX_LOG_SCALE = 80.0  # keeps weights within float32 when a loss stays at exactly 0 (or explodes)


class IMTLLState(NamedTuple):
    """The learned logarithms of the scales and what Adam remembers of them."""

    log_scales: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("imtl-l")
@dataclass(frozen=True)
class IMTLL(Weighting[IMTLLState]):
    r"""Loss balance: minimise :math:`\sum_i e^{s_i} \ell_i - s_i` over network and s.

    The weights are :math:`w_i = e^{s_i}`, starting at 1. At the optimum :math:`e^{s_i} = 1/\ell_i`: the scaled losses
    are equal. Up to a factor 2 and the sign of s this is the objective of ``uncertainty``, derived without a noise
    model; this is the loss balance of IMTL alone, which the paper also combines with its gradient balance.

    The scales are this method's own state and take one Adam step per training step, at their own learning rate and
    without weight decay. The paper trains them with the network's optimizer, whose learning rate is often too small
    for them, and whose weight decay would pull the weights towards 1.

    Attributes:
        learning_rate: of the logarithms of the scales, per step.

    Reference: Liu et al., Towards Impartial Multi-Task Learning, ICLR 2021, Equation 6.
    """

    learning_rate: float = 0.025

    needs = Need.LOSSES
    space = searching(learning_rate=Interval(1e-3, 0.1, log=True))
    positive_losses = True
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"imtl-l: expected a positive learning_rate, got {self.learning_rate}")

    def init(self, sizes: Sizes) -> IMTLLState:
        """Scales of 1."""
        return IMTLLState(*(sizes.per_task() for _ in range(4)))

    def update(self, seen: Evidence, state: IMTLLState, draws: Draws) -> tuple[Tensor, IMTLLState]:
        """The weights, and the scales after one Adam step on the objective."""
        scales = state.log_scales.exp()
        steps = state.steps + 1
        direction, first, second = adam_step(scales * seen.losses - 1, state.first, state.second, steps)
        moved = state.log_scales - self.learning_rate * direction
        return scales, IMTLLState(moved.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE), first, second, steps)
