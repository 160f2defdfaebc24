"""Methods that look at further batches (`modo`, `sdmgrad`): pass their losses as `others`.

The update is that of the first batch. The two others say how its gradients agree with those of independent data; with
one further batch, that one is compared with the first.
"""

import torch
from torch import nn

from balancers import Balancer

encoder, heads = nn.Linear(8, 16), nn.ModuleDict({"a": nn.Linear(16, 1), "b": nn.Linear(16, 1)})
balancer = Balancer("sdmgrad", tasks=["a", "b"])


def losses_of_a_new_batch() -> dict[str, torch.Tensor]:
    """Both losses on examples that no other batch has."""
    features = encoder(torch.randn(32, 8))
    return {task: (head(features) - 1).square().mean() for task, head in heads.items()}


losses, second, third = (losses_of_a_new_batch() for _ in range(3))
weights = balancer.backward(losses, shared=encoder.parameters(), others=[second, third])
print("weights:", weights, "sum:", round(weights.sum().item(), 3))
