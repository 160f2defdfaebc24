"""Fixed weights: the method `fixed`, with a weight for each task. Without weights, all are 1."""

import torch
from torch import nn

from balancers import Balancer

encoder, heads = nn.Linear(8, 16), nn.ModuleDict({"a": nn.Linear(16, 1), "b": nn.Linear(16, 1)})
features = encoder(torch.randn(32, 8))
losses = {task: (head(features) - 1).square().mean() for task, head in heads.items()}
balancer = Balancer("fixed", tasks=["a", "b"], weights={"a": 1.0, "b": 0.3})
print("weights:", balancer.backward(losses, shared=encoder.parameters()))
