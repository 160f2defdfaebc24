"""Krum: the update is the gradient that has the others nearest to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless

TIE = 1e-9  # scores whose relative difference is below this are equal


@register("krum")
@dataclass(frozen=True)
class Krum(Stateless):
    r"""Multi-Krum: the mean of the m gradients with the smallest scores; Krum for m = 1.

    The score of a gradient is the sum of its squared distances :math:`\|g_i - g_j\|^2` to the :math:`K - f - 2`
    others that are nearest, where f gradients may be arbitrary. Made for workers some of whom may lie, not for tasks;
    here as a robust average to compare with.

    The paper asks for :math:`K \ge 2f + 3`, and breaks ties by order. With fewer tasks there is at least the nearest
    one to measure, and gradients that tie share the remaining weight: for three tasks and f = 0 the two that are
    nearest to each other always do. If m is larger than K, it is K. Some implementations add up distances that are
    not squared, which can select another gradient.

    Example:
        Of two gradients both are equally near to each other. A third one, (0, 2), is nearer to the first (squared
        distance 5) than to the second (13): the first and the third share the weight.

        >>> from balancers import probe
        >>> probe("krum", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.5, 0.5], update=[-1, 2])
        >>> probe("krum", gradients=[[1, 0], [-3, 4], [0, 2]], losses=[1, 4, 2])
        Response(weights=[0.5, 0, 0.5], update=[0.5, 1])

    Attributes:
        f: how many gradients may be arbitrary.
        m: how many gradients are averaged.

    Reference: Blanchard et al., Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent, NeurIPS 2017.
    """

    f: int = 0
    m: int = 1

    purpose = "takes the gradient that is nearest to the others"
    paper = "Blanchard et al., NeurIPS 2017"
    needs = Need.GRAMIAN
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        require_count("krum", "f", self.f, 0)
        if self.m < 1 or self.m != int(self.m):
            raise ValueError(f"krum: expected m to be a whole number of at least 1, got {self.m}")

    @quiet
    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """Equal weights for the selected tasks, none for the others."""
        gramian = evidence.gramian.numpy()
        tasks = gramian.shape[-1]
        squares = gramian.diagonal(axis1=-2, axis2=-1)
        distances = np.maximum(squares[..., :, None] + squares[..., None, :] - 2 * gramian, 0)
        others = np.where(np.eye(tasks, dtype=bool), np.inf, distances)
        near = np.sort(others, -1)[..., : min(max(tasks - self.f - 2, 1), tasks - 1)]
        scores = near.sum(-1)
        selected = min(self.m, tasks)
        last = np.sort(scores, -1)[..., selected - 1, None]
        tied = np.abs(scores - last) <= TIE * last
        clear = (scores < last) & ~tied
        left = selected - clear.sum(-1, keepdims=True)
        shares = left / tied.sum(-1, keepdims=True)
        return tensors(np.where(clear, 1.0, np.where(tied, shares, 0.0)) / selected)
