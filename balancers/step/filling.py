"""How ``.grad`` is filled, one function for each place where gradients can be measured.

Each asks for the weights as soon as what they depend on is known, and writes to ``.grad`` only after that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.contract.evidence import Answer, Need
from balancers.step.gradients import TaskGradients, combine, task_gradients
from balancers.step.graph import Leaves
from balancers.step.parallel import Group


class Job(NamedTuple):
    """What is to be filled, and who says how."""

    losses: Sequence[Tensor]
    leaves: Leaves
    weigh: Callable[[TaskGradients | None], Answer]
    weigh_heads: bool  # whether task-specific parameters follow the weighted losses
    group: Group  # the processes that share the batch


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
    measured = job.group.gradients(task_gradients(job.losses, Leaves(at, []), retain_graph=True))
    if all(gradient is None for row in measured.rows for gradient in row):
        raise ValueError("none of the parameters in at= is reached by the losses: pass a shared layer's parameters")
    return _backward_weighted(job, job.weigh(measured))


def at_features(job: Job, features: Sequence[Tensor]) -> Tensor:
    """Backward passes through the heads alone, and one through the encoder."""
    measured = task_gradients(job.losses, Leaves(list(features), job.leaves.specific), retain_graph=True)
    measured = job.group.gradients(measured, shared=False)
    answer = job.weigh(measured)
    update = _update(answer, measured)
    _fill_specific(job, measured, answer)
    pairs = [(z, part.to(z.dtype)) for z, part in zip(features, update, strict=True) if part is not None]
    _backward(job, [feature for feature, _ in pairs], [part for _, part in pairs], job.leaves.shared)
    return answer.weights


def at_shared(job: Job) -> Tensor:
    """One backward pass per task; the update is put together from the gradients that were measured."""
    measured = job.group.gradients(task_gradients(job.losses, job.leaves))
    answer = job.weigh(measured)
    for tensor, part in zip(measured.shared, _update(answer, measured), strict=True):
        if part is not None:
            _accumulate(tensor, part)
    _fill_specific(job, measured, answer)
    return answer.weights


def _update(answer: Answer, measured: TaskGradients) -> list[Tensor | None]:
    """The balanced gradient at every shared tensor; none where no loss depends on it."""
    if answer.weights.dim() == 1 and answer.gradients is None:
        return measured.combine(answer.weights)
    update = combine(answer.weights, measured.matrix if answer.gradients is None else answer.gradients)
    parts = update.split([tensor.numel() for tensor in measured.shared])
    return [
        part.view_as(tensor) if any(gradient is not None for gradient in gradients) else None
        for tensor, part, *gradients in zip(measured.shared, parts, *measured.rows, strict=True)
    ]


def _backward_weighted(job: Job, answer: Answer) -> Tensor:
    weights = answer.weights
    if weights.dim() > 1 or answer.gradients is not None:
        raise ValueError("a method that acts on the gradients themselves needs them at all shared parameters")
    stacked = torch.stack(list(job.losses))
    seed = weights.to(stacked.dtype)
    if job.weigh_heads:
        _backward(job, [stacked], [seed], [*job.leaves.shared, *job.leaves.specific])
        return weights
    if job.leaves.specific:  # a partial pass that ends at the heads and does not enter the encoder
        factors = torch.ones_like(seed) if answer.heads is None else answer.heads.to(stacked.dtype)
        _backward(job, [stacked], [factors], job.leaves.specific, retain_graph=True)
    _backward(job, [stacked], [seed], job.leaves.shared)
    return weights


def _backward(
    job: Job,
    tensors: Sequence[Tensor],
    seeds: Sequence[Tensor],
    inputs: Sequence[Tensor],
    *,
    retain_graph: bool = False,
) -> None:
    """Add the gradients of ``inputs`` to their ``.grad``, averaged over the processes."""
    if job.group.size == 1:
        torch.autograd.backward(tensors, seeds, retain_graph=retain_graph, inputs=list(inputs))
        return
    gradients = torch.autograd.grad(tensors, inputs, seeds, retain_graph=retain_graph, allow_unused=True)
    for tensor, gradient in zip(inputs, job.group.means(gradients), strict=True):
        if gradient is not None:
            _accumulate(tensor, gradient)


def _fill_specific(job: Job, measured: TaskGradients, answer: Answer) -> None:
    factors = answer.heads
    if job.weigh_heads:  # of gradients that a method puts in place, the weights are those of the transformed losses
        own = None if answer.gradients is None else factors
        factors = answer.weights if own is None else answer.weights * own
    for row, pairs in enumerate(measured.specific):
        for tensor, gradient in pairs:
            _accumulate(tensor, gradient.clone() if factors is None else gradient * factors[row].to(gradient.dtype))


def _accumulate(tensor: Tensor, gradient: Tensor) -> None:
    """Add to ``.grad`` in place, or make one with the strides of its tensor, on which fused optimizers rely.

    ``gradient`` must be nobody else's: it may become ``.grad`` itself.
    """
    if tensor.grad is None:
        fits = gradient.dtype == tensor.dtype and gradient.stride() == tensor.stride()
        tensor.grad = gradient if fits else torch.empty_like(tensor, requires_grad=False).copy_(gradient)
    else:
        tensor.grad.add_(gradient.to(tensor.grad.dtype))
