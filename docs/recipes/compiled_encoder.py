"""A compiled encoder: measure gradients at its output, `features=`, so that it runs backward once.

Where gradients are to be measured at the parameters, the encoder runs backward once per task. PyTorch may then complain
of donated buffers; `torch._functorch.config.donated_buffer = False` before the first step prevents that.
"""

import torch
from torch import nn

from balancers import Balancer

encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
compiled = torch.compile(encoder, backend="aot_eager")  # leave the backend out to use the compiler of your machine
heads = nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
balancer = Balancer("imtl-g", tasks=2)

for _ in range(3):
    features = compiled(torch.randn(32, 8))
    losses = [(head(features) - 1).square().mean() for head in heads]
    weights = balancer.backward(losses, features=features)
print("weights:", weights, "gradients arrived:", all(p.grad is not None for p in encoder.parameters()))
