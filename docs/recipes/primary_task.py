"""One task is what counts, and the others shall at least make progress (`pcd`): name the primary task."""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder, heads = nn.Linear(8, 16), nn.ModuleDict({"quality": nn.Linear(16, 1), "size": nn.Linear(16, 1)})
optimizer = torch.optim.SGD([*encoder.parameters(), *heads.parameters()], lr=0.1)
balancer = Balancer("pcd", tasks=list(heads), primary="quality", tau=0.05)

for step in range(50):
    features = encoder(torch.randn(32, 8))
    losses = {task: (head(features) - 1).square().mean() for task, head in heads.items()}
    optimizer.zero_grad()
    weights = balancer.backward(losses, shared=encoder.parameters())
    optimizer.step()
    if step in (0, 49):
        print("step", step, "weights", weights)
