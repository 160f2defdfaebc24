"""Wrappers change when and how a method is applied; they are written before its name and can be nested.

`every:4:METHOD` finds new weights in every fourth step alone, and steps in between cost one backward pass (PSMGD).
`smoothed:0.9:METHOD` averages weights over time (CR-MOGM). `rescaled:mean:METHOD` keeps the direction of a method's
update and gives it the length of the mean gradient (or `sum`, or `unit` for length 1).
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])


def losses() -> list[torch.Tensor]:
    """Two losses on a new batch, the second ten times larger."""
    features = encoder(torch.randn(32, 8))
    return [scale * (head(features) - 1).square().mean() for head, scale in zip(heads, (1, 10), strict=True)]


for method in ("every:4:nash-mtl", "smoothed:0.9:cagrad", "rescaled:unit:pcgrad", "every:2:smoothed:0.9:cagrad"):
    balancer = Balancer(method, tasks=2)
    weights = [balancer.backward(losses(), shared=encoder.parameters()).tolist() for _ in range(4)]
    print(method, "different weights in 4 steps:", len({tuple(each) for each in weights}))

encoder.zero_grad()
Balancer("rescaled:unit:pcgrad", tasks=2).backward(losses(), shared=encoder.parameters())
print("length of the update:", round(torch.cat([p.grad.flatten() for p in encoder.parameters()]).norm().item(), 4))
