"""Gradients measured at the shared representation: one backward pass through the encoder, however many tasks there are.

Pass the representation as `features`. With `mgda` this is MGDA-UB of Sener and Koltun (NeurIPS 2018). Methods that
compare gradients of several steps or batches (`db-mtl`, `excess-mtl`, `m-config`, `moco`, `modo`, `sam-gs`, `sdmgrad`)
raise an error there.

Gradients at the representation are smaller for larger batches. A method whose update is not proportional to the losses
(`nash-mtl`, `fairgrad`) then takes longer steps; `rescaled:sum:METHOD` gives the update its usual length.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU())
heads = nn.ModuleList([nn.Linear(64, 1) for _ in range(5)])
passes: list[int] = []
encoder[0].weight.register_hook(lambda _: passes.append(1))

for method in ("mgda", "rescaled:sum:nash-mtl"):
    passes.clear()
    features = encoder(torch.randn(64, 8))
    losses = [(head(features) - task).square().mean() for task, head in enumerate(heads)]
    weights = Balancer(method, tasks=5).backward(losses, features=features)
    print(method, "weights", weights, "encoder passes:", len(passes))

try:
    features = encoder(torch.randn(64, 8))
    Balancer("moco", tasks=5).backward([head(features).mean() for head in heads], features=features)
except ValueError as error:
    print("moco:", error)
