"""A small network with a shared encoder and three heads, for tests of the shell."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from balancers import Balancer, Need


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


def take_step(
    network: Network, balancer: Balancer, losses: Any = None, present: list[bool] | None = None, **place: Any
) -> Tensor:
    """One call of `backward` with everything that the method asks for, at the encoder unless told otherwise."""
    place = place or {"shared": network.encoder.parameters()}
    others = [network.losses(), network.losses()] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
    weights = balancer.backward(network.losses() if losses is None else losses, **place, others=others, present=present)
    after = network.losses()
    balancer.after_step([loss if present is None or present[i] else None for i, loss in enumerate(after)])
    return weights


def small_network(tasks: int = 3, seed: int = 0) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh())
        heads = nn.ModuleList(nn.Linear(8, 1) for _ in range(tasks))
        inputs = torch.randn(20, 6)
        direction = torch.randn(tasks, 6, 1)
        targets = 3 * inputs @ direction  # different directions: the tasks' gradients conflict
    return Network(encoder, heads, inputs, targets)
