"""Mixed precision with bfloat16: run the forward pass under `torch.autocast`; nothing else changes.

Weights and updates are still computed in full precision. Do not use float16 with a `GradScaler`: methods would see
losses that are multiplied by a large factor.
"""

import torch
from torch import nn

from balancers import Balancer

encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
balancer = Balancer("pcgrad", tasks=2)

with torch.autocast("cpu", dtype=torch.bfloat16):
    features = encoder(torch.randn(32, 8))
    outputs = [head(features) for head in heads]
losses = [(output.float() - 1).square().mean() for output in outputs]
weights = balancer.backward(losses, shared=encoder.parameters())
print("output:", outputs[0].dtype, "weights:", weights.dtype, "gradient:", encoder.weight.grad.dtype)
