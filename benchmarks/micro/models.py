"""Models to time a step on: an encoder of some depth, K linear heads, and random data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

OUTPUTS = 4  # of every head


class Problem(NamedTuple):
    """Everything that a step needs."""

    encoder: nn.Module
    last: nn.Module  # the last shared layer
    heads: nn.ModuleList
    inputs: Tensor
    targets: Tensor

    def losses(self) -> tuple[Tensor, list[Tensor]]:
        """The shared representation, and one mean squared error per task."""
        features = self.encoder(self.inputs)
        return features, [(head(features) - self.targets).square().mean() for head in self.heads]


def _mlp() -> tuple[nn.Sequential, nn.Module, Tensor, int]:
    last = nn.Linear(128, 128)
    encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), last, nn.ReLU())
    return encoder, last, torch.randn(256, 64), 128


def _lenet() -> tuple[nn.Sequential, nn.Module, Tensor, int]:
    last = nn.Linear(720, 50)
    convolutions = [nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), last, nn.ReLU()), last, torch.randn(256, 1, 36, 36), 50


class _FirstToken(nn.Module):
    def forward(self, hidden: Tensor) -> Tensor:
        """The hidden state (N, D) of the first of all tokens (N, T, D)."""
        return hidden[:, 0]


def _transformer() -> tuple[nn.Sequential, nn.Module, Tensor, int]:
    layers = [nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True) for _ in range(2)]
    return nn.Sequential(*layers, _FirstToken()), layers[-1], torch.randn(16, 32, 256), 256


MODELS: dict[str, Callable[[], tuple[nn.Sequential, nn.Module, Tensor, int]]] = {
    "mlp": _mlp,
    "lenet": _lenet,
    "transformer": _transformer,
}


def build(model: str, tasks: int) -> Problem:
    """The named model with ``tasks`` heads, always with the same random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder, last, inputs, width = MODELS[model]()
        heads = nn.ModuleList(nn.Linear(width, OUTPUTS) for _ in range(tasks))
        return Problem(encoder, last, heads, inputs, torch.randn(len(inputs), OUTPUTS))
