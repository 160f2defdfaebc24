"""The shared encoder of the GradNorm regressions: fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class Trunk(nn.Module):
    """Fully connected layers of ReLU units; ``widths`` are those of the input and of every layer."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        layers = [layer for sizes in pairwise(widths) for layer in (nn.Linear(*sizes), nn.ReLU())]
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features (N, W) of inputs (N, D)."""
        return self.layers(inputs)
