"""PCGrad: each task's gradient loses its components along the gradients it conflicts with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

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
        return project(evidence.gramian, draws.uniform(evidence.gramian).argsort(-1))


def project(gramian: Float[Tensor, "*B K K"], order: Tensor) -> Float[Tensor, "*B K"]:
    """PCGrad's weights when task i meets the tasks ``order[..., i, :]`` one after the other.

    Example:
        Both gradients lose their components along the other: (1, 0) becomes (0.64, 0.48), (-3, 4) becomes (0, 4).

        >>> import torch
        >>> from balancers.methods.pcgrad import project
        >>> gramian = torch.tensor([[1.0, -3.0], [-3.0, 25.0]], dtype=torch.float64)
        >>> project(gramian, torch.tensor([[1, 0], [0, 1]])).round(decimals=3).tolist()
        [4.0, 1.12]
    """
    tasks = gramian.shape[-1]
    squared_norms = gramian.diagonal(dim1=-2, dim2=-1)
    own = torch.arange(tasks, device=gramian.device)
    # Row i holds the projected gradient of task i as a combination of all original gradients.
    coefficients = torch.eye(tasks, dtype=gramian.dtype, device=gramian.device).expand_as(gramian).clone()
    for turn in range(tasks):
        met = order[..., turn]  # (*B, K)
        dots = (coefficients * gramian.take_along_dim(met[..., None], -2)).sum(-1)
        conflict = (dots < 0) & (met != own)
        shift = torch.where(conflict, dots / squared_norms.take_along_dim(met, -1), 0.0)
        coefficients.scatter_add_(-1, met[..., None], -shift[..., None])
    return coefficients.sum(-2)
