"""Tasks that are absent from a batch: leave them out of the mapping, or say which ones are present.

An absent task gets weight 0, its state (such as a running mean) stays as it is, and the others are balanced without it.
"""

import torch
from torch import nn

from balancers import Balancer

encoder = nn.Linear(8, 16)
heads = nn.ModuleDict({task: nn.Linear(16, 1) for task in ("depth", "normals", "labels")})
balancer = Balancer("cagrad", tasks=list(heads))


def loss(task: str) -> torch.Tensor:
    """The loss of one task on a new batch."""
    return (heads[task](encoder(torch.randn(32, 8))) - 1).square().mean()


weights = balancer.backward({"depth": loss("depth"), "labels": loss("labels")}, shared=encoder.parameters())
print("left out of the mapping:", weights)
print("head without a gradient:", heads["normals"].weight.grad is None)

weights = balancer.backward([loss(task) for task in heads], shared=encoder.parameters(), present=[True, True, False])
print("said with present=:", weights)
