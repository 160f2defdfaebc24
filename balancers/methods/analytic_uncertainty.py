"""Analytic uncertainty weighting (UW-SO): a softmax of the weights that learned uncertainties would end at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless
from balancers.solvers.positive import SMALLEST, inverse
from balancers.solvers.simplex import softmax


@register("analytic-uncertainty")
@dataclass(frozen=True)
class AnalyticUncertainty(Stateless):
    r"""Soft optimal uncertainty weights :math:`w = \mathrm{softmax}\left(\frac{1}{T \ell}\right)`.

    For an absolute error, the learned uncertainty of a task is optimal at :math:`\sigma_i = \ell_i`, where its weight
    is :math:`1/\ell_i`; the softmax keeps these weights bounded. A task at loss 0 gets weight 0, unless all are.

    T has the unit of :math:`1/\ell`. The paper looks for it anew on every data set, on a grid of a few values. No
    number is right for losses of every size: T = 1 gives all weight to one task where the losses are 0.01 and 0.02, and
    nearly equal weights where they are 10 and 20. The default is therefore relative to the losses of the step:
    :math:`T = t / \min_j \ell_j`, over the tasks that are not at loss 0. Among these tasks, no weight is more than
    :math:`e^{1/t}` times another one, for any losses and any number of tasks, and multiplying all losses by a number
    changes no weight. Where the smallest loss is 1, t is the paper's T. A given ``temperature`` is the paper's T.

    Example:
        The smallest loss is 1: the weights are the softmax of 1 and 1/4. Losses a hundredth as large have the same
        weights. With the paper's T = 1 they would have the softmax of 100 and 25.

        >>> from balancers import create, probe
        >>> probe("analytic-uncertainty", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.679, 0.321], update=[-0.283, 1.283])
        >>> probe("analytic-uncertainty", gradients=[[1, 0], [-3, 4]], losses=[0.01, 0.04])
        Response(weights=[0.679, 0.321], update=[-0.283, 1.283])
        >>> papers = create("analytic-uncertainty", temperature=1.0)
        >>> probe(papers, gradients=[[1, 0], [-3, 4]], losses=[0.01, 0.04])
        Response(weights=[1, 0], update=[1, 0])

    Attributes:
        temperature: T of the paper, in the unit of 1/loss; large values give equal weights. None makes it relative.
        relative_temperature: t, the temperature in units of the inverse of the smallest loss; without effect where
            ``temperature`` is given.

    Raises:
        ValueError: if a temperature is not positive and finite.

    Reference: Kirchdorfer et al., Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning, GCPR 2024.
    """

    temperature: float | None = None
    relative_temperature: float = 1.0

    purpose = "weights the tasks by a softmax of their inverse losses"
    paper = "Kirchdorfer et al., GCPR 2024"
    version = 2
    needs = Need.LOSSES
    # The largest weight over the smallest is at most 22,000 at one end of the range, and 1.1 at the other.
    space = searching(relative_temperature=Interval(0.1, 10.0, log=True))
    positive_losses = True
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 < self.temperature < float("inf"):
            raise ValueError(f"analytic-uncertainty: expected a positive temperature, got {self.temperature}")
        if not 0 < self.relative_temperature < float("inf"):
            raise ValueError(
                f"analytic-uncertainty: expected a positive relative_temperature, got {self.relative_temperature}"
            )

    @property
    def degree(self) -> float | None:
        """1 where the temperature is relative to the losses; the paper's T has no such law."""
        return 1.0 if self.temperature is None else None

    @quiet
    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """The softmax over the tasks that are not at loss 0."""
        losses = evidence.losses.numpy()
        positive = losses >= SMALLEST
        counted = positive | ~positive.any(-1, keepdims=True)
        optimal = inverse(losses)
        largest = optimal.max(-1, keepdims=True)
        below = optimal - largest
        if self.temperature is None:
            scores = np.where(largest > 0, below / largest, 0.0) / self.relative_temperature
        else:
            scores = below / self.temperature
        return tensors(softmax(np.where(counted, scores, -np.inf)))
