"""Gradients measured at the last shared layer, as in the paper of GradNorm: K short backward passes and a whole one.

Pass the parameters of that layer as `at`; `shared` still names all shared parameters.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16))
heads = nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
balancer = Balancer("gradnorm", tasks=2)


def losses() -> list[torch.Tensor]:
    """Two regressions, the second with targets ten times as large."""
    x = torch.ones(64, 8)
    features = encoder(x)
    return [(head(features) - scale * x[:, :1]).square().mean() for head, scale in zip(heads, (1, 10), strict=True)]


balancer.backward(losses(), shared=encoder.parameters())
print("norms at all shared parameters:", balancer.evidence.norms)
encoder.zero_grad()
balancer.backward(losses(), shared=encoder.parameters(), at=encoder[-1].parameters())
print("norms at the last shared layer:", balancer.evidence.norms)
print("the first layer has a gradient as well:", encoder[0].weight.grad is not None)
