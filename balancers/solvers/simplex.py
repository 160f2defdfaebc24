"""Weights that sum to a total: shares, and the projection onto the simplex."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import as_tensor, is_readable
from balancers.solvers.single.simplex import nearest_on_simplex


def shares(parts: Float[Tensor, "*B K"]) -> tuple[Float[Tensor, "*B K"], Float[Tensor, "*B 1"]]:
    """The shares of parts in their total, equal where the total is 0; and the total.

    A method that keeps such parts, and multiplies its new shares by the old total, loses nothing when it is asked
    about some of its tasks alone: these divide their total among themselves, and the others keep what they have.

    Example:
        >>> import torch
        >>> from balancers.solvers.simplex import shares
        >>> portions, total = shares(torch.tensor([1.0, 3.0]))
        >>> portions.tolist(), total.tolist()
        ([0.25, 0.75], [4.0])
    """
    total = parts.sum(-1, keepdim=True)
    return torch.where(total > 0, parts / total, 1 / parts.shape[-1]), total


def project_onto_simplex(points: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    r"""The nearest points with :math:`w \ge 0` and :math:`\sum_i w_i = 1`, exactly, by sorting.

    They are :math:`w_i = \max(v_i - \theta, 0)`, where :math:`\theta` is the largest of
    :math:`(\sum_{j \le k} v_{(j)} - 1) / k` over k for the values in descending order.

    Example:
        >>> import torch
        >>> from balancers.solvers.simplex import project_onto_simplex
        >>> project_onto_simplex(torch.tensor([1.0, 0.5, -2.0])).tolist()
        [0.75, 0.25, 0.0]

    Reference: Duchi, Shalev-Shwartz, Singer and Chandra, Efficient Projections onto the l1-Ball for Learning in High
    Dimensions, ICML 2008, Figure 1.
    """
    if points.dim() == 1 and is_readable(points):
        return as_tensor(nearest_on_simplex(points.numpy()))
    # Only differences matter, and what lies more than 1 below the largest value ends at 0 wherever it lies: without
    # this, the 1 would drown in values of 1e20.
    below = (points - points.amax(-1, keepdim=True)).clamp(min=-1)
    counts = torch.arange(1, points.shape[-1] + 1, dtype=points.dtype, device=points.device)
    thresholds = (below.sort(-1, descending=True).values.cumsum(-1) - 1) / counts
    return (below - thresholds.amax(-1, keepdim=True)).clamp(min=0)
