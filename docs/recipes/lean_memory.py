"""The Gramian of all tasks without K gradients of the model: memory="lean" holds those of one layer at a time.

It takes one more backward pass, and works for every method that needs no more than the Gramian. Both ways leave the
same gradients.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
heads = nn.ModuleList([nn.Linear(64, 1) for _ in range(20)])
inputs = torch.randn(32, 8)
gradients = {}

for memory in ("full", "lean"):
    features = encoder(inputs)
    losses = [(head(features) - task).square().mean() for task, head in enumerate(heads)]
    encoder.zero_grad()
    Balancer("upgrad", tasks=20, memory=memory).backward(losses, shared=encoder.parameters())
    gradients[memory] = torch.cat([parameter.grad.flatten() for parameter in encoder.parameters()])

print("both ways agree:", torch.allclose(gradients["full"], gradients["lean"], rtol=1e-3, atol=1e-5))
