"""Analytic uncertainty weighting (UW-SO): a softmax of the weights that learned uncertainties would end at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless
from balancers.solvers.positive import SMALLEST, inverse


@register("analytic-uncertainty")
@dataclass(frozen=True)
class AnalyticUncertainty(Stateless):
    r"""Soft optimal uncertainty weights :math:`w = \mathrm{softmax}\left(\frac{1}{T \ell}\right)`.

    For an absolute error, the learned uncertainty of a task is optimal at :math:`\sigma_i = \ell_i`, where its weight
    is :math:`1/\ell_i`; the softmax keeps these weights bounded. The paper looks for T anew on every data set, on a
    grid of a few values; ours is a neutral 1. The weights depend on the unit of the losses: where these are small, a
    T of that size makes one task take all. A task at loss 0 gets weight 0, unless all are.

    Example:
        The weights are the softmax of 1 and 1/4.

        >>> from balancers import probe
        >>> probe("analytic-uncertainty", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.679, 0.321], update=[-0.283, 1.283])

    Attributes:
        temperature: T; large values give equal weights.

    Reference: Kirchdorfer et al., Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning, GCPR 2024.
    """

    temperature: float = 1.0

    purpose = "weights the tasks by a softmax of their inverse losses"
    paper = "Kirchdorfer et al., GCPR 2024"
    needs = Need.LOSSES
    space = searching(temperature=Interval(0.3, 30.0, log=True))
    positive_losses = True
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"analytic-uncertainty: expected a positive temperature, got {self.temperature}")

    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """The softmax over the tasks that are not at loss 0."""
        positive = evidence.losses >= SMALLEST
        counted = positive | ~positive.any(-1, keepdim=True)
        optimal = inverse(evidence.losses)
        below = optimal - optimal.amax(-1, keepdim=True)
        return torch.softmax(torch.where(counted, below / self.temperature, -torch.inf), -1)
