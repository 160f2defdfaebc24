"""PCGrad: each task's gradient loses its components along the gradients it conflicts with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from balancers.contract.arrays import in_numpy
from balancers.contract.registration import register
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Stateless


@register("pcgrad")
@dataclass(frozen=True)
class PCGrad(Stateless):
    r"""Gradient surgery, done in coefficients of the task gradients, so that only the Gramian is touched.

    For every task i, in random order over the others j: where :math:`g_i \cdot g_j < 0`,
    :math:`g_i \leftarrow g_i - \frac{g_i \cdot g_j}{\|g_j\|^2} g_j`. The update is the sum of the results. Projections
    are onto the original gradients. A task is not projected against itself, and the order is drawn anew for every
    task and step; the official code does neither.

    Example:
        The inner product of the gradients is -3. The first gets 3/25 times the second added, the second 3 times the
        first.

        >>> from balancers import probe
        >>> probe("pcgrad", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[4, 1.12], update=[0.64, 4.48])

    Reference: Yu et al., Gradient Surgery for Multi-Task Learning, NeurIPS 2020, Algorithm 1.
    """

    purpose = "removes from each gradient its components along the gradients it conflicts with"
    paper = "Yu et al., NeurIPS 2020"
    needs = Need.GRAMIAN
    stochastic = True
    heads = "own"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE})

    def weigh(self, evidence: Evidence, draws: Draws) -> Float[Tensor, "*B K"]:
        """One weight per task, at least 1: projections only ever add multiples of the other gradients."""
        gramian = evidence.gramian
        return project(gramian, draws.uniform(gramian).numpy().argsort(-1))


@in_numpy
def project(gramian: Float[np.ndarray, "*B K K"], order: Int[np.ndarray, "*B K K"]) -> Float[np.ndarray, "*B K"]:
    """PCGrad's weights when task i meets the tasks ``order[..., i, :]`` one after the other, itself among them.

    Example:
        Both gradients lose their components along the other: (1, 0) becomes (0.64, 0.48), (-3, 4) becomes (0, 4).

        >>> import torch
        >>> from balancers.methods.pcgrad import project
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)
        >>> project(gramian, torch.tensor([[1, 0], [0, 1]])).round(decimals=3).tolist()
        [4.0, 1.12]
    """
    tasks = gramian.shape[-1]
    squared_norms = gramian.diagonal(axis1=-2, axis2=-1)
    if tasks == 2:  # there is no order
        product = gramian[..., 0, 1, None]
        return np.where(product < 0, 1 - product / squared_norms, 1.0)
    # One row per replica and task; `others` holds the rows of the tasks that it meets, turn by turn.
    rows, own = gramian.reshape(-1, tasks), np.arange(gramian[..., 0].size)
    met = order.reshape(-1, tasks).T
    others = met + own // tasks * tasks
    squares = squared_norms.reshape(-1)[others]
    products = rows.copy()  # of the projected gradients with the original ones
    removed = np.zeros(others.shape)
    for turn, other in enumerate(others):
        product = products[own, met[turn]]
        conflict = (product < 0) & (other != own)
        if conflict.any():
            removed[turn] = np.where(conflict, product / squares[turn], 0.0)
            products -= removed[turn][:, None] * rows[other]
    removals = np.bincount(others.reshape(-1), removed.reshape(-1))
    return 1 - removals.reshape(squared_norms.shape)
