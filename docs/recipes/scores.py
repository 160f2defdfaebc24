"""Methods that need scores on validation data (`pivrg`): call `after_validation` after every evaluation.

A score says by how many percent a task's metric is better than its baseline; below 0, it is worse. The baseline may be
a model for this task alone. Other methods ignore the call, so that a loop can always make it.
"""

import torch
from torch import nn

from balancers import Balancer

BASELINES = {"sum": 0.5, "product": 0.5}  # errors of a model for each task alone

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(2, 16), nn.Tanh())
heads = nn.ModuleDict({task: nn.Linear(16, 1) for task in BASELINES})
optimizer = torch.optim.SGD([*encoder.parameters(), *heads.parameters()], lr=0.05)
balancer = Balancer("pivrg", tasks=list(BASELINES))
validation = torch.randn(200, 2)


def losses_on(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The losses of both tasks on a batch."""
    features = encoder(x)
    targets = {"sum": x.sum(-1), "product": x.prod(-1)}
    return {task: (heads[task](features).squeeze(-1) - target).square().mean() for task, target in targets.items()}


for epoch in range(3):
    for _ in range(50):
        optimizer.zero_grad()
        balancer.backward(losses_on(torch.randn(32, 2)), shared=encoder.parameters())
        optimizer.step()
    with torch.no_grad():
        errors = losses_on(validation)
    scores = {task: 100 * (1 - errors[task].item() / BASELINES[task]) for task in BASELINES}
    balancer.after_validation(scores)
    print("epoch", epoch, "scores", {task: round(score) for task, score in scores.items()})
