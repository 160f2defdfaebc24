"""Losses in denominators and logarithms, where they may be exactly 0."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from balancers.contract.arrays import in_numpy

SMALLEST = float(np.finfo(np.float32).tiny)  # the inverse of anything smaller need not be a number of single precision


@in_numpy
def inverse(losses: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """One over each loss, and 0 for a task at loss 0: there its gradient is 0, and no weight changes the update.

    Example:
        >>> import torch
        >>> from balancers.solvers.positive import inverse
        >>> inverse(torch.tensor([4.0, 0.0])).tolist()
        [0.25, 0.0]
    """
    return np.where(losses >= SMALLEST, 1 / losses, 0.0)


@in_numpy
def logarithm(losses: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """The logarithm of each loss; a loss of 0 counts as the smallest positive number of single precision.

    Example:
        >>> import torch
        >>> from balancers.solvers.positive import logarithm
        >>> logarithm(torch.tensor([1.0, 0.0])).round().tolist()
        [0.0, -87.0]
    """
    return np.log(np.maximum(losses, SMALLEST))
