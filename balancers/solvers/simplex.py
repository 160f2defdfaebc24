"""Weights that sum to a total: shares, and the projection onto the simplex."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from balancers.contract.arrays import in_numpy


@in_numpy
def shares(parts: Float[np.ndarray, "*B K"]) -> tuple[Float[np.ndarray, "*B K"], Float[np.ndarray, "*B 1"]]:
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
    total = parts.sum(-1, keepdims=True)
    return np.where(total > 0, parts / total, 1 / parts.shape[-1]), total


@in_numpy
def softmax(points: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """The exponentials of the points divided by their sum.

    Example:
        >>> import torch
        >>> from balancers.solvers.simplex import softmax
        >>> softmax(torch.tensor([0.0, 1.0], dtype=torch.float64)).round(decimals=3).tolist()
        [0.269, 0.731]
    """
    powers = np.exp(points - points.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@in_numpy
def project_onto_simplex(points: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
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
    # Only differences matter, and what lies more than 1 below the largest value ends at 0 wherever it lies: without
    # this, the 1 would drown in values of 1e20.
    below = np.maximum(points - points.max(-1, keepdims=True), -1)
    counts = np.arange(1, points.shape[-1] + 1, dtype=points.dtype)
    thresholds = ((-np.sort(-below, -1)).cumsum(-1) - 1) / counts
    return np.maximum(below - thresholds.max(-1, keepdims=True), 0)
