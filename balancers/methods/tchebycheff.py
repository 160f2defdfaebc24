"""Tchebycheff scalarization: only the worst task counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, tensors
from balancers.contract.preferences import allocate, checked_preference, on_simplex
from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting


class TchebycheffState(NamedTuple):
    """The preference, as it was given."""

    preference: Float[Tensor, "*B K"]


@register("tchebycheff")
@dataclass(frozen=True)
class Tchebycheff(Weighting[TchebycheffState]):
    r"""A subgradient of :math:`\max_i \lambda_i (\ell_i - z_i)`.

    The weight is :math:`\lambda_i` where the maximum is attained and 0 elsewhere; tasks that attain it together share
    evenly, which is the limit of ``stch``. The ideal point z, no greater than any value of the losses, is the lower
    bounds that a `Balancer` is told.

    Example:
        The second loss is the larger one, and its preference is 1/2.

        >>> from balancers import probe
        >>> probe("tchebycheff", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0, 0.5], update=[-1.5, 2])

    Attributes:
        preference: :math:`\lambda`, one positive number per task, in the order of the tasks (or, in a `Balancer`, a
            mapping by task name); divided by their sum over the tasks that are present. Equal unless given.

    Reference: Steuer and Choo, An Interactive Weighted Tchebycheff Procedure for Multiple Objective Programming,
    Mathematical Programming 26, 1983.
    """

    preference: Sequence[float] | None = None

    purpose = "trains the worst task alone"
    paper = "Steuer and Choo, 1983"
    needs = Need.LOSSES
    positive_losses = True
    degree = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "preference", checked_preference(self.preference, "tchebycheff"))

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        symmetric = frozenset({Claim.PERMUTATION_EQUIVARIANT}) if self.preference is None else frozenset()
        return frozenset({Claim.NON_NEGATIVE}) | symmetric

    def init(self, sizes: Sizes) -> TchebycheffState:
        """The preference of every replica."""
        return TchebycheffState(allocate(self.preference, sizes, "tchebycheff"))

    def update(self, evidence: Evidence, state: TchebycheffState, draws: Draws) -> tuple[Tensor, TchebycheffState]:
        """The preference of the worst tasks, divided by their number."""
        losses, preference = arrays((evidence.losses, on_simplex(state.preference)))
        weighted = preference * losses
        worst = weighted == weighted.max(-1, keepdims=True)
        return tensors(preference * worst / worst.sum(-1, keepdims=True)), state
