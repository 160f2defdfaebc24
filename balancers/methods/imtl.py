"""IMTL: losses are brought to one scale, and the update has the same projection on every task's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.registration import register
from balancers.contract.solution import Certificate
from balancers.contract.solving import recording
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Answer, Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.methods.imtl_g import impartial
from balancers.methods.imtl_l import IMTLL, IMTLLState
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.spectral import impartial_weights


class IMTLState(NamedTuple):
    """The memory of loss balance, and the record of how well the equations of gradient balance were solved."""

    log_scales: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]
    residual: Float[Tensor, "*B"]
    fallbacks: Float[Tensor, "*B"]


@register("imtl")
@dataclass(frozen=True)
class IMTL(Weighting[IMTLState]):
    r"""Impartial losses and gradients: IMTL-L and IMTL-G together.

    Loss balance minimises :math:`\sum_i e^{s_i} \ell_i - s_i` over the heads and s, which begins at 0 and is at its
    optimum where all scaled losses :math:`e^{s_i} \ell_i` are 1. So heads follow :math:`e^{s_i}` times their own loss.
    Gradient balance gives the shared parameters the update of IMTL-G for the gradients of the scaled losses: with its
    weights w for :math:`e^{s_i} g_i`, the weight of :math:`g_i` is :math:`w_i e^{s_i}`. The direction is the same as in
    IMTL-G without loss balance, which changes the length alone; what IMTL-G does about steps without solution holds
    here too.

    The scales are this method's own state and take one Adam step per training step, at their own learning rate and
    without weight decay. The paper trains them with the network's optimizer, whose learning rate is often too small
    for them. Losses must not be negative.

    Example:
        Scales begin at 1, so that the first step is IMTL-G's. Then the scale of the second loss falls to exp(-0.025),
        and the weights to 4.877 / 5.877 and 0.975 / 5.877.

        >>> from balancers import probe
        >>> probe("imtl", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.833, 0.167], update=[0.333, 0.667])
        >>> probe("imtl", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 4]])
        Response(weights=[0.83, 0.166], update=[0.332, 0.664])

    Attributes:
        learning_rate: of the logarithms of the scales, per step.

    Reference: Liu et al., Towards Impartial Multi-Task Learning, ICLR 2021.
    """

    learning_rate: float = 0.025

    purpose = "scales the losses to 1 and gives the update the same projection on every task's gradient"
    paper = "Liu et al., ICLR 2021"
    version = 2
    needs = Need.LOSSES | Need.GRAMIAN
    space = searching(learning_rate=Interval(1e-3, 0.1, log=True))
    positive_losses = True
    heads = "own"
    place = "features"
    claims = frozenset({Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"imtl: expected a positive learning_rate, got {self.learning_rate}")

    def init(self, sizes: Sizes) -> IMTLState:
        """Scales of 1, nothing solved yet."""
        return IMTLState(*IMTLL(self.learning_rate).init(sizes), residual=sizes.scalar(), fallbacks=sizes.scalar())

    def update(self, evidence: Evidence, state: IMTLState, draws: Draws) -> tuple[Answer, IMTLState]:
        """The weights, the factors of the heads, and the scales of the next step."""
        scales, following = IMTLL(self.learning_rate).update(evidence, IMTLLState(*state[:4]), draws)
        if is_single(evidence.gramian):
            solution = solved_by(impartial_weights, evidence.gramian, scales, evidence.resolution)
        else:
            solution = impartial(evidence.cosines, evidence.norms * scales, evidence.resolution)
        recorded = recording(self.certificate(state), solution)
        return Answer(solution.point * scales, heads=scales), IMTLState(*following, *recorded)

    def certificate(self, state: IMTLState) -> Certificate:
        """The record of residuals and fallbacks."""
        return Certificate(state.residual, state.fallbacks)
