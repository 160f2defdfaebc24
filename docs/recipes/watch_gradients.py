"""Norms and cosines of the task gradients, for any method: `observe=Need.GRAMIAN`.

The method does not change. Measuring costs one backward pass per task where the method itself needs only one.
"""

import torch
from torch import nn

from balancers import Balancer, Need

torch.manual_seed(0)
encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
balancer = Balancer("fixed", tasks=2, observe=Need.GRAMIAN)

x = torch.randn(32, 8)
features = encoder(x)
balancer.backward([head(features).square().mean() for head in heads], shared=encoder.parameters())
print("losses:", balancer.evidence.losses)
print("norms:", balancer.evidence.norms)
print("cosines:", balancer.evidence.cosines)
