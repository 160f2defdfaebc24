"""A complete training loop with a balancer: `balancer.backward(...)` takes the place of `loss.backward()`."""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU())
heads = nn.ModuleDict({"sum": nn.Linear(32, 1), "sign": nn.Linear(32, 2)})
optimizer = torch.optim.Adam([*encoder.parameters(), *heads.parameters()], lr=1e-2)
balancer = Balancer("gradnorm", tasks=["sum", "sign"], alpha=1.5)

for step in range(100):
    x = torch.randn(64, 8)
    features = encoder(x)
    losses = {
        "sum": nn.functional.mse_loss(heads["sum"](features), x.sum(-1, keepdim=True)),
        "sign": nn.functional.cross_entropy(heads["sign"](features), (x[:, 0] > 0).long()),
    }
    optimizer.zero_grad()
    # Adds the balanced gradient to .grad of all parameters, and returns the weight of each task.
    weights = balancer.backward(losses, shared=encoder.parameters())
    optimizer.step()
    if step % 33 == 0:
        print(step, {task: round(loss.item(), 3) for task, loss in losses.items()}, weights)
