"""A small network with a shared encoder and three heads, for tests of the shell."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Network(NamedTuple):
    encoder: nn.Sequential
    heads: nn.ModuleList
    inputs: Tensor
    targets: Tensor

    def features(self) -> Tensor:
        return self.encoder(self.inputs)

    def losses(self, features: Tensor | None = None) -> list[Tensor]:
        features = self.features() if features is None else features
        return [
            (head(features) - target).square().mean() for head, target in zip(self.heads, self.targets, strict=True)
        ]

    def parameters(self) -> list[nn.Parameter]:
        return [*self.encoder.parameters(), *self.heads.parameters()]

    def take_gradients(self) -> list[Tensor]:
        """The gradients of all parameters, which are reset."""
        taken = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters()]
        for parameter in self.parameters():
            parameter.grad = None
        return taken


def small_network(tasks: int = 3, seed: int = 0) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh())
        heads = nn.ModuleList(nn.Linear(8, 1) for _ in range(tasks))
        inputs = torch.randn(20, 6)
        direction = torch.randn(tasks, 6, 1)
        targets = 3 * inputs @ direction  # different directions: the tasks' gradients conflict
    return Network(encoder, heads, inputs, targets)
