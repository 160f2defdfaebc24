"""Losses in denominators and logarithms, where they may be exactly 0."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST = torch.finfo(torch.float32).tiny  # the inverse of anything smaller need not be a number of single precision


def inverse(losses: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    """One over each loss, and 0 for a task at loss 0: there its gradient is 0, and no weight changes the update.

    Example:
        >>> import torch
        >>> from balancers.solvers.positive import inverse
        >>> inverse(torch.tensor([4.0, 0.0])).tolist()
        [0.25, 0.0]
    """
    return torch.where(losses >= SMALLEST, 1 / losses, 0.0)


def logarithm(losses: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    """The logarithm of each loss; a loss of 0 counts as the smallest positive number of single precision.

    Example:
        >>> import torch
        >>> from balancers.solvers.positive import logarithm
        >>> logarithm(torch.tensor([1.0, 0.0])).round().tolist()
        [0.0, -87.0]
    """
    return losses.clamp(min=SMALLEST).log()
