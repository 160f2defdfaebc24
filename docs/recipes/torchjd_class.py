"""A class of the library TorchJD as a method, where that is installed: `torchjd:NAME`.

Here it is set beside our own method of the same name on two tasks that conflict.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder, head = nn.Linear(8, 16), nn.Linear(16, 1)
x = torch.randn(32, 8)

for method in ("torchjd:UPGrad", "upgrad"):
    output = head(encoder(x))
    losses = [(output - target).square().mean() for target in (-1, 3)]
    weights = Balancer(method, tasks=2).backward(losses, shared=encoder.parameters())
    print(method, [round(weight, 2) for weight in weights.tolist()])
