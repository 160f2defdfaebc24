"""Trimmed mean: every element of the update is the mean of the tasks' values without the most extreme ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import PIECE
from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless
from balancers.step.host import may_look

MOST = 1 << 24  # elements that an accelerator sorts at a time


@register("trimmed-mean")
@dataclass(frozen=True)
class TrimmedMean(Stateless):
    r"""Coordinate-wise trimmed mean, from robust distributed learning.

    Of the K values of every element, the b largest and the b smallest are left out; the update is the mean of the
    others. The paper leaves out a fraction :math:`\beta` at either end and takes :math:`\beta K` to be whole. For few
    tasks it rarely is, so :math:`b = \lceil \beta K \rceil`, or as many as leave one or two values: for three tasks
    this is the median.

    Example:
        With two tasks nothing is left out. Of three values only the middle one stays; here it is the third task's in
        both elements.

        >>> from balancers import probe
        >>> probe("trimmed-mean", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.5, 0.5], update=[-1, 2])
        >>> probe("trimmed-mean", gradients=[[1, 0], [-3, 4], [0, 2]], losses=[1, 4, 2])
        Response(weights=[[0, 0], [0, 0], [1, 1]], update=[0, 2])

    Attributes:
        beta: the fraction of tasks left out at either end, below 1/2.

    Reference: Yin, Chen, Ramchandran and Bartlett, Byzantine-Robust Distributed Learning: Towards Optimal Statistical
    Rates, ICML 2018, Definition 2.
    """

    beta: float = 0.1

    purpose = "averages every element of the gradients without the most extreme values"
    paper = "Yin et al., ICML 2018"
    needs = Need.GRADIENTS
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 <= self.beta < 0.5:
            raise ValueError(f"trimmed-mean: expected a beta of at least 0 and below 1/2, got {self.beta}")

    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K D"] | Float[Tensor, "*B K"]:
        """One weight per task and element: 0 for the extremes, equal for the others; per task if none are left out."""
        tasks = evidence.gradients.shape[-2]
        wanted = math.ceil(round(self.beta * tasks, 9))  # 0.07 * 100 is a little more than 7
        trimmed = min(wanted, (tasks - 1) // 2)
        if trimmed == 0:
            return torch.full_like(evidence.losses, 1 / tasks)
        weights = torch.empty_like(evidence.gradients)
        # In pieces, because the order is kept in 64-bit integers; transposed, because the last axis is sorted fastest.
        columns = PIECE if may_look(weights.device) else max(PIECE, MOST // tasks)
        for piece, filled in zip(evidence.gradients.split(columns, -1), weights.split(columns, -1), strict=True):
            order = piece.mT.contiguous().argsort(dim=-1)
            kept = torch.zeros_like(order, dtype=weights.dtype)
            filled.copy_(kept.scatter_(-1, order[..., trimmed : tasks - trimmed], 1 / (tasks - 2 * trimmed)).mT)
        return weights
