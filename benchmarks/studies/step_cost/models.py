"""Models to time a step on: an encoder of some depth, K linear heads, and random data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

OUTPUTS = 4  # of every head
VOCABULARY, POSITIONS, WIDTH = 30522, 512, 384  # of the encoder with 22 million parameters


class Problem(NamedTuple):
    """A model with its data: everything that a step needs."""

    encoder: nn.Module
    last: nn.Module  # the last shared layer
    heads: nn.ModuleList
    inputs: Tensor
    targets: Tensor

    def features(self) -> Tensor:
        """The shared representation."""
        return self.encoder(self.inputs)

    def losses(self, features: Tensor) -> list[Tensor]:
        """One mean squared error per task."""
        return [(head(features) - self.targets).square().mean() for head in self.heads]

    def to(self, device: torch.device) -> Problem:
        """The same on a device; the modules themselves move there."""
        encoder, last, heads = self.encoder.to(device), self.last.to(device), self.heads.to(device)
        return Problem(encoder, last, heads, self.inputs.to(device), self.targets.to(device))

    def parameters(self) -> list[nn.Parameter]:
        """All parameters: of the encoder, then of the heads."""
        return [*self.encoder.parameters(), *self.heads.parameters()]


class Parts(NamedTuple):
    """An encoder, its last layer, its inputs and the width of its output."""

    encoder: nn.Module
    last: nn.Module
    inputs: Tensor
    width: int


def _mlp() -> Parts:
    last = nn.Linear(128, 128)
    encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), last, nn.ReLU())
    return Parts(encoder, last, torch.randn(256, 64), 128)


def _lenet() -> Parts:
    last = nn.Linear(720, 50)
    convolutions = [nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU()]
    return Parts(nn.Sequential(*convolutions, nn.Flatten(), last, nn.ReLU()), last, torch.randn(256, 1, 36, 36), 50)


class _FirstToken(nn.Module):
    def forward(self, hidden: Tensor) -> Tensor:
        """The hidden state (N, D) of the first of all tokens (N, T, D)."""
        return hidden[:, 0]


def _layers(count: int, width: int, heads: int) -> list[nn.Module]:
    shape = (width, heads, 4 * width)
    return [nn.TransformerEncoderLayer(*shape, dropout=0.0, activation="gelu", batch_first=True) for _ in range(count)]


def _transformer() -> Parts:
    layers = _layers(2, 256, 4)
    return Parts(nn.Sequential(*layers, _FirstToken()), layers[-1], torch.randn(16, 32, 256), 256)


class _Embedding(nn.Module):
    def __init__(self, vocabulary: int, positions: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states (N, T, D) of tokens (N, T)."""
        return self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])


def _encoder_22m() -> Parts:
    """The shape of MiniLM-L6: 22.5 million parameters, more than half of them embeddings."""
    layers = _layers(6, WIDTH, 12)
    encoder = nn.Sequential(_Embedding(VOCABULARY, POSITIONS, WIDTH), *layers, _FirstToken())
    return Parts(encoder, layers[-1], torch.randint(VOCABULARY, (16, 32)), WIDTH)


def _bert_12() -> Parts:
    """Twelve narrow layers: many small operators."""
    layers = _layers(12, 128, 4)
    encoder = nn.Sequential(_Embedding(1000, 32, 128), *layers, _FirstToken())
    return Parts(encoder, layers[-1], torch.randint(1000, (8, 32)), 128)


def _two_layers() -> Parts:
    last = nn.Linear(128, 128)
    return Parts(nn.Sequential(nn.Linear(64, 128), nn.ReLU(), last, nn.ReLU()), last, torch.randn(64, 64), 128)


MODELS: dict[str, Callable[[], Parts]] = {
    "mlp": _mlp,
    "lenet": _lenet,
    "transformer": _transformer,
    "encoder-22m": _encoder_22m,
    "bert-12": _bert_12,
    "two-layer": _two_layers,
}


def build(model: str, tasks: int) -> Problem:
    """The named model with ``tasks`` heads, always with the same random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = MODELS[model]()
        heads = nn.ModuleList(nn.Linear(parts.width, OUTPUTS) for _ in range(tasks))
        targets = torch.randn(len(parts.inputs), OUTPUTS)
        return Problem(parts.encoder, parts.last, heads, parts.inputs, targets)
