"""Losses in denominators and logarithms, where they may be exactly 0."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST = torch.finfo(torch.float32).tiny  # the inverse of anything smaller need not be a number of single precision


def inverse(losses: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    """One over each loss, and 0 for a task at loss 0: there its gradient is 0, and no weight changes the update."""
    return torch.where(losses >= SMALLEST, 1 / losses, 0.0)


def logarithm(losses: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    """The logarithm of each loss; a loss of 0 counts as the smallest positive number of single precision."""
    return losses.clamp(min=SMALLEST).log()
