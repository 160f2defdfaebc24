"""Heads that follow their own loss, or the weighted loss: `heads="own"` or `heads="weighted"`.

The default is what the method's paper does. With Adam the two differ little; with SGD or weight decay they differ.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder = nn.Linear(8, 16)
head = nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
x = torch.randn(32, 8)

for heads in ("own", "weighted"):
    encoder.zero_grad(), head.zero_grad()
    losses = [(each(encoder(x)) - 1).square().mean() for each in head]
    balancer = Balancer("fixed", tasks=2, weights=[1.0, 0.1], heads=heads)
    balancer.backward(losses, shared=encoder.parameters())
    print(heads, "norm of the second head's gradient:", round(head[1].weight.grad.norm().item(), 4))
