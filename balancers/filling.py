"""How ``.grad`` is filled, one function for each place where gradients can be measured.

Each asks for the weights as soon as what they depend on is known, and writes to ``.grad`` only after that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.evidence import Answer, Need
from balancers.gradients import TaskGradients, combine, task_gradients
from balancers.graph import Leaves


class Job(NamedTuple):
    """What is to be filled, and who says how."""

    losses: Sequence[Tensor]
    leaves: Leaves
    weigh: Callable[[TaskGradients | None], Answer]
    weigh_heads: bool  # whether task-specific parameters follow the weighted losses


def fill(job: Job, needs: Need, at: list[Tensor] | None, features: Sequence[Tensor] | None) -> Tensor:
    """Fill ``.grad`` in the cheapest way that shows the method what it needs, and return the weights."""
    if needs in (Need.LOSSES, Need.LOSSES | Need.LOSSES_AFTER):
        return from_losses(job)
    if at is not None and set(at) != set(job.leaves.shared):
        return at_parameters(job, at)
    if features is not None:
        return at_features(job, features)
    return at_shared(job)


def from_losses(job: Job) -> Tensor:
    """One backward pass of the weighted losses; nothing is measured."""
    return _backward_weighted(job, job.weigh(None))


def at_parameters(job: Job, at: list[Tensor]) -> Tensor:
    """Short backward passes down to the parameters ``at``, and a whole one of the weighted losses."""
    found = task_gradients(job.losses, Leaves(at, []), retain_graph=True)
    if not any(found.reached):
        raise ValueError("none of the parameters in at= is reached by the losses: pass a shared layer's parameters")
    return _backward_weighted(job, job.weigh(found))


def at_features(job: Job, features: Sequence[Tensor]) -> Tensor:
    """Backward passes through the heads alone, and one through the encoder."""
    found = task_gradients(job.losses, Leaves(list(features), job.leaves.specific), retain_graph=True)
    answer = job.weigh(found)
    update = _update(answer, found).split([feature.numel() for feature in features])
    _fill_specific(job, found, answer)
    torch.autograd.backward(features, [u.view_as(f).to(f.dtype) for u, f in zip(update, features, strict=True)])
    return answer.weights


def at_shared(job: Job) -> Tensor:
    """One backward pass per task; the update is put together from the gradients that were measured."""
    found = task_gradients(job.losses, job.leaves)
    answer = job.weigh(found)
    parts = _update(answer, found).split([tensor.numel() for tensor in found.shared])
    for tensor, part, reached in zip(found.shared, parts, found.reached, strict=True):
        if reached:
            _accumulate(tensor, part.view_as(tensor))
    _fill_specific(job, found, answer)
    return answer.weights


def _update(answer: Answer, found: TaskGradients) -> Tensor:
    return combine(answer.weights, found.matrix if answer.gradients is None else answer.gradients)


def _backward_weighted(job: Job, answer: Answer) -> Tensor:
    weights = answer.weights
    if weights.dim() > 1 or answer.gradients is not None:
        raise ValueError("a method that acts on the gradients themselves needs them at all shared parameters")
    stacked = torch.stack(list(job.losses))
    seed = weights.to(stacked.dtype)
    if job.weigh_heads:
        stacked.backward(seed)
        return weights
    if job.leaves.specific:  # a partial pass that ends at the heads and does not enter the encoder
        factors = torch.ones_like(seed) if answer.heads is None else answer.heads.to(stacked.dtype)
        stacked.backward(factors, retain_graph=True, inputs=job.leaves.specific)
    stacked.backward(seed, inputs=job.leaves.shared)
    return weights


def _fill_specific(job: Job, found: TaskGradients, answer: Answer) -> None:
    if job.weigh_heads and answer.weights.dim() > 1:
        raise ValueError('a method that weighs element by element has no weight for a head: use heads="own"')
    factors = answer.weights if job.weigh_heads else answer.heads
    for row, pairs in enumerate(found.specific):
        for tensor, gradient in pairs:
            _accumulate(tensor, gradient if factors is None else gradient * factors[row].to(gradient.dtype))


def _accumulate(tensor: Tensor, gradient: Tensor) -> None:
    """Add to ``.grad`` in place, or make one with the strides of its tensor, on which fused optimizers rely."""
    if tensor.grad is None:
        tensor.grad = torch.empty_like(tensor, requires_grad=False).copy_(gradient)
    else:
        tensor.grad.add_(gradient.to(tensor.grad.dtype))
