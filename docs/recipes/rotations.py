"""RotoGrad puts a rotation between encoder and each head: give every head its own view, `balancer.adapt(features)`.

Without `adapt`, RotoGrad only scales gradients. For every other method, `adapt` returns the features themselves.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder, heads = nn.Linear(8, 16), nn.ModuleDict({"a": nn.Linear(16, 1), "b": nn.Linear(16, 1)})
optimizer = torch.optim.Adam([*encoder.parameters(), *heads.parameters()], lr=1e-2)
balancer = Balancer("rotograd", tasks=["a", "b"])

for _ in range(30):
    features = encoder(torch.randn(32, 8))
    views = balancer.adapt(features)
    losses = {task: (head(views[task]) - 1).square().mean() for task, head in heads.items()}
    optimizer.zero_grad()
    balancer.backward(losses, features=features)
    optimizer.step()
print("the two views differ:", not torch.allclose(views["a"], views["b"]))
print("a rotation keeps lengths:", torch.allclose(views["a"].norm(dim=-1), features.norm(dim=-1), rtol=1e-4))
