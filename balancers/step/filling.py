"""How ``.grad`` is filled, one function for each place where gradients can be measured.

Each asks for the weights as soon as what they depend on is known, and writes to ``.grad`` only after that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from balancers.contract.evidence import WITHOUT_GRADIENTS, Answer, Need
from balancers.step.gradients import TaskGradients, combine, task_gradients
from balancers.step.graph import Leaves
from balancers.step.parallel import Group


class FillJob(NamedTuple):
    """The losses, parameters and weights function of one step, from which ``.grad`` is filled.

    Example:
        >>> import torch
        >>> from balancers import Answer, Need
        >>> from balancers.step.filling import FillJob, fill
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Answer(torch.ones(2, dtype=torch.float64))
        >>> job = FillJob(losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> fill(job, Need.GRAMIAN, None, None).tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """

    losses: Sequence[Tensor]
    leaves: Leaves
    weigh: Callable[[TaskGradients | None], Answer]
    weigh_heads: bool  # whether task-specific parameters follow the weighted losses
    group: Group  # the processes that share the batch


def fill(job: FillJob, needs: Need, at: list[Tensor] | None, features: Sequence[Tensor] | None) -> Tensor:
    """Fill ``.grad`` in the cheapest way that shows the method what it needs, and return the weights.

    Example:
        >>> import torch
        >>> from balancers import Answer, Need
        >>> from balancers.step.filling import FillJob, fill
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Answer(torch.ones(2, dtype=torch.float64))
        >>> job = FillJob(losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> fill(job, Need.GRAMIAN, None, None).tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """
    if not needs & ~WITHOUT_GRADIENTS:
        return from_losses(job)
    if at is not None and set(at) != set(job.leaves.shared):
        return at_parameters(job, at)
    if features is not None:
        return at_features(job, features)
    return at_shared(job)


def from_losses(job: FillJob) -> Tensor:
    """One backward pass of the weighted losses; nothing is measured.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, from_losses
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Answer(torch.ones(2, dtype=torch.float64))
        >>> job = FillJob(losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> from_losses(job).tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """
    return _backward_weighted(job, job.weigh(None))


def at_parameters(job: FillJob, at: list[Tensor]) -> Tensor:
    """Short backward passes down to the parameters ``at``, and a whole one of the weighted losses.

    Example:
        Gradients are measured at the last of two layers; the update reaches both.

        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_parameters
        >>> from balancers.step.graph import find_leaves
        >>> from balancers.step.parallel import Group
        >>> first, last = (torch.ones(2, requires_grad=True) for _ in range(2))
        >>> losses = list((first * last).unbind())
        >>> leaves = find_leaves(losses, [first, last], None)
        >>> job = FillJob(losses, leaves, lambda gradients: Answer(gradients.gramian.diagonal()), False, Group(None))
        >>> at_parameters(job, [last]).tolist(), first.grad.tolist()
        ([1.0, 1.0], [1.0, 1.0])
    """
    measured = job.group.gradients(task_gradients(job.losses, Leaves(at, []), retain_graph=True))
    if all(gradient is None for row in measured.rows for gradient in row):
        raise ValueError("none of the parameters in at= is reached by the losses: pass a shared layer's parameters")
    return _backward_weighted(job, job.weigh(measured))


def at_features(job: FillJob, features: Sequence[Tensor]) -> Tensor:
    """Backward passes through the heads alone, and one through the encoder.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_features
        >>> from balancers.step.graph import find_leaves
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> losses = list((3 * features).unbind())
        >>> leaves = find_leaves(losses, None, [features])
        >>> equal = Answer(torch.ones(2, dtype=torch.float64))
        >>> job = FillJob(losses, leaves, lambda gradients: equal, False, Group(None))
        >>> at_features(job, [features]).tolist(), point.grad.tolist()
        ([1.0, 1.0], [6.0, 6.0])
    """
    measured = task_gradients(job.losses, Leaves(list(features), job.leaves.specific), retain_graph=True)
    measured = job.group.gradients(measured, shared=False)
    answer = job.weigh(measured)
    update = _update(answer, measured)
    _fill_specific(job, measured, answer)
    pairs = [(z, part.to(z.dtype)) for z, part in zip(features, update, strict=True) if part is not None]
    _backward(job, [feature for feature, _ in pairs], [part for _, part in pairs], job.leaves.shared)
    return answer.weights


def at_shared(job: FillJob) -> Tensor:
    """One backward pass per task; the update is put together from the gradients that were measured.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_shared
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Answer(torch.ones(2, dtype=torch.float64))
        >>> job = FillJob(losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> at_shared(job).tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """
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


def _backward_weighted(job: FillJob, answer: Answer) -> Tensor:
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
    job: FillJob,
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


def _fill_specific(job: FillJob, measured: TaskGradients, answer: Answer) -> None:
    factors = answer.heads
    if job.weigh_heads:  # where a method puts gradients in place, its weights belong to the transformed losses
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
