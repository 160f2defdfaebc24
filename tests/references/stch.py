"""Smooth Tchebycheff scalarization as the official multi-task code computes it, differentiated by autograd."""

import torch
from torch import Tensor


def official_stch(history: Tensor, mu: float, warmup: int, epoch: int) -> Tensor:
    """The slopes (S, K) of what is minimised in every step, for losses (S, K) in epochs of that many steps."""
    tasks = history.shape[1]
    average, count = torch.zeros(tasks, dtype=history.dtype), 0
    slopes = []
    for step, row in enumerate(history):
        losses = row.clone().requires_grad_(True)
        if step // epoch <= warmup:
            objective = torch.log(losses).sum()
            if step // epoch == warmup:
                average, count = average + row, count + 1
        else:
            ratios = torch.log(losses / (average / count))
            largest = ratios.max().detach()
            objective = mu * torch.log(torch.exp((ratios - largest) / mu).sum()) * tasks
        slopes.append(torch.autograd.grad(objective, losses)[0])
    return torch.stack(slopes)
