"""Gradient descent with a balancer on two quadratic bowls: the end must be Pareto stationary."""

import torch
from torch import Tensor

from balancers import Balancer, Weighting

CENTRES = torch.tensor([[1.0, 0.5], [-1.0, 0.0]], dtype=torch.float64)
CURVATURES = torch.tensor([[1.0, 3.0], [2.0, 0.7]], dtype=torch.float64)
STARTS = [(3.0, 2.0), (-2.0, 3.0), (0.0, -2.0)]
STEPS = 300


def bowls(point: Tensor) -> Tensor:
    """Both losses at a point (2,); they conflict between their centres."""
    return (CURVATURES * (point - CENTRES) ** 2).sum(-1) / 2


def descend(start: tuple[float, float], method: Weighting) -> Tensor:
    """Where a run with step sizes that fall as 1/t ends."""
    point = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    balancer = Balancer(method, 2)
    optimizer = torch.optim.SGD([point], lr=0.3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step / 20))
    for _ in range(STEPS):
        optimizer.zero_grad()
        balancer.backward(bowls(point), shared=[point])
        optimizer.step()
        schedule.step()
    return point.detach()


def distance_from_stationary(point: Tensor) -> float:
    """The length of the shortest combination of both gradients, relative to their lengths; 0 on the Pareto set."""
    first, second = CURVATURES * (point - CENTRES)
    share = ((second - first) @ second / (first - second).square().sum()).clamp(0, 1)
    shortest = (share * first + (1 - share) * second).norm()
    return float(shortest / (first.norm() + second.norm()))
