"""Save and resume: `state_dict` holds all that a balancer remembers, its random numbers included.

A fresh balancer that loads it goes on bit for bit.
"""

import tempfile
from pathlib import Path

import torch
from torch import nn

from balancers import Balancer

encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
x = torch.randn(32, 8)


def step(balancer: Balancer) -> torch.Tensor:
    """The weights of one step."""
    losses = [(head(encoder(x)) - target).square().mean() for head, target in zip(heads, (1, 2), strict=True)]
    return balancer.backward(losses, shared=encoder.parameters())


balancer = Balancer("rlw", tasks=2)  # random weights
step(balancer)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "checkpoint.pt"
    torch.save({"balancer": balancer.state_dict()}, path)
    resumed = Balancer("rlw", tasks=2)
    resumed.load_state_dict(torch.load(path, weights_only=True)["balancer"])
print("the next weights are equal:", torch.equal(step(balancer), step(resumed)))
