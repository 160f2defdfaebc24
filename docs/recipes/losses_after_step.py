"""Methods that look at the losses after the step (`famo`): call `after_step` with the losses of the same batch.

Other methods ignore the call, so that a loop can always make it. Dropout should draw the same noise as before the step.
"""

import torch
from torch import nn

from balancers import Balancer

torch.manual_seed(0)
encoder, heads = nn.Linear(8, 16), nn.ModuleList([nn.Linear(16, 1), nn.Linear(16, 1)])
optimizer = torch.optim.SGD([*encoder.parameters(), *heads.parameters()], lr=0.1)
balancer = Balancer("famo", tasks=2)


def losses_on(x: torch.Tensor) -> list[torch.Tensor]:
    """The losses of both tasks on a batch."""
    features = encoder(x)
    return [(head(features) - target).square().mean() for head, target in zip(heads, (1.0, 10.0), strict=True)]


for step in range(50):
    x = torch.randn(32, 8)
    optimizer.zero_grad()
    weights = balancer.backward(losses_on(x), shared=encoder.parameters())
    optimizer.step()
    with torch.no_grad():
        balancer.after_step(losses_on(x))
    if step in (0, 49):
        print("step", step, "weights", weights)
