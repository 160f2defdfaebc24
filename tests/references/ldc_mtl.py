"""LDC-MTL as in the official script for CelebA of Xiao et al., 2025: autograd and torch's Adam on the objective."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor


def ldc_mtl(history: Iterable[Tensor], discrepancy: float, learning_rate: float) -> Iterator[Tensor]:
    """The weights (K,) of every step, which are the slopes of the objective in the losses (K,)."""
    logits, optimizer = None, None
    for values in history:
        if logits is None or optimizer is None:
            logits = torch.ones_like(values, requires_grad=True)
            optimizer = torch.optim.Adam([logits], lr=learning_rate, eps=0.0)
        losses = values.clone().requires_grad_()
        gates = torch.sigmoid(logits)
        objective = (gates * losses).sum() / gates.sum().detach()
        for i in range(len(losses) - 1):
            objective = objective + discrepancy * (gates[i] * losses[i] - gates[i + 1] * losses[i + 1]).abs()
        optimizer.zero_grad()
        objective.backward()
        assert losses.grad is not None
        yield losses.grad
        optimizer.step()
