"""Dynamic weight average: tasks whose losses fall slowly count more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.positive import SMALLEST
from balancers.solvers.simplex import softmax


class DWAState(NamedTuple):
    """The sum of the losses of this period so far, and their means in the last period and in the one before."""

    sums: Float[Tensor, "*B K"]
    last: Float[Tensor, "*B K"]
    before: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("dwa")
@dataclass(frozen=True)
class DWA(Weighting[DWAState]):
    r"""Weights :math:`w = K\,\mathrm{softmax}(r / T)` with :math:`r_i = \bar\ell_i(t-1) / \bar\ell_i(t-2)`.

    :math:`\bar\ell_i(t)` is the mean loss over period t, and the weights stay as they are for a period; r is 1 in the
    first two. A period is an epoch in the paper: set ``period`` to the number of steps in one. Its default is the
    window of a well-known benchmark, which lets that window slide from step to step, however, and divides the weights
    by K. A task's period consists of the steps in which it is present; r is 1 for a task that was at loss 0.

    Example:
        Weights are equal for two periods. Then the second loss has halved, and the weights are 2 softmax(1 / 2, 0.5 /
        2).

        >>> from balancers import create, probe
        >>> method = create("dwa", period=1)
        >>> probe(method, gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 2], [1, 2]])
        Response(weights=[1.124, 0.876], update=[-1.503, 3.503])

    Attributes:
        temperature: T; large values give equal weights.
        period: over how many steps losses are averaged.

    Reference: Liu, Johns and Davison, End-to-End Multi-Task Learning with Attention, CVPR 2019, Equation 7.
    """

    temperature: float = 2.0
    period: int = 25

    purpose = "gives more weight to tasks whose losses fall slowly"
    paper = "Liu et al., CVPR 2019"
    needs = Need.LOSSES
    space = searching(temperature=Interval(0.5, 8.0, log=True))
    positive_losses = True
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SUM_TO_TASKS, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"dwa: expected a positive temperature, got {self.temperature}")
        require_count("dwa", "period", self.period, 1)

    def init(self, sizes: Sizes) -> DWAState:
        """Nothing seen yet."""
        return DWAState(*(sizes.per_task() for _ in range(4)))

    @quiet
    def update(self, evidence: Evidence, state: DWAState, draws: Draws) -> tuple[Tensor, DWAState]:
        """The weights of this period, and the sums with this step's losses."""
        sums, last, before, steps = arrays(state)
        complete = (steps >= 2 * self.period) & (before >= SMALLEST)
        rates = np.where(complete, last / before, 1.0)
        weights = softmax(rates / self.temperature) * rates.shape[-1]
        sums, steps = sums + evidence.losses.numpy(), steps + 1
        ended = steps % self.period == 0
        means = np.where(ended, sums / self.period, last)
        following = (np.where(ended, 0.0, sums), means, np.where(ended, last, before), steps)
        return tensors(weights), DWAState(*tensors(following))
