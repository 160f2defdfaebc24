"""How ``.grad`` is filled, one function for each place where gradients can be measured.

Each asks for the weights as soon as what they depend on is known, and writes to ``.grad`` only after that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.evidence import WITHOUT_GRADIENTS, Need
from balancers.step.gradients import TaskGradients, task_gradients
from balancers.step.graph import Leaves
from balancers.step.lean.measured import LeanProducts, measure_lean
from balancers.step.parallel import Group
from balancers.step.tables import LookedUp
from balancers.step.update import (
    Addition,
    Weighed,
    accumulate,
    head_gradients,
    require_no_lost_gradient,
    shared_update,
    terms_of,
    wide_update,
)
from balancers.step.wide import largest_of, narrowed, require_finite_rows, widened


class FillJob(NamedTuple):
    """The losses, parameters and weights function of one step, from which ``.grad`` is filled.

    Example:
        >>> import torch
        >>> from balancers import Answer, Need
        >>> from balancers.step.filling import FillJob, fill
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Weighed(Answer(torch.ones(2, dtype=torch.float64)))
        >>> job = FillJob(["a", "b"], losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> fill(job, Need.GRAMIAN, None, None).answer.weights.tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """

    tasks: Sequence[str]
    losses: Sequence[Tensor]
    leaves: Leaves
    weigh: Callable[[TaskGradients | LeanProducts | None], Weighed]
    weigh_heads: bool  # whether task-specific parameters follow the weighted losses
    group: Group  # the processes that share the batch
    lean: bool = False  # whether gradients at the shared parameters are measured without holding them


def fill(job: FillJob, needs: Need, at: list[Tensor] | None, features: Sequence[Tensor] | None) -> Weighed:
    """Fill ``.grad`` in the cheapest way that shows the method what it needs, and return the answer.

    Example:
        >>> import torch
        >>> from balancers import Answer, Need
        >>> from balancers.step.filling import FillJob, fill
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Weighed(Answer(torch.ones(2, dtype=torch.float64)))
        >>> job = FillJob(["a", "b"], losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> fill(job, Need.GRAMIAN, None, None).answer.weights.tolist()
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
    if job.lean:
        return at_shared_lean(job)
    return at_shared(job, whole=bool(needs & ~(WITHOUT_GRADIENTS | Need.GRAMIAN)))


def from_losses(job: FillJob) -> Weighed:
    """One backward pass of the weighted losses; nothing is measured.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, from_losses
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Weighed(Answer(torch.ones(2, dtype=torch.float64)))
        >>> job = FillJob(["a", "b"], losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> from_losses(job).answer.weights.tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """
    return _backward_weighted(job, job.weigh(None))


def at_parameters(job: FillJob, at: list[Tensor]) -> Weighed:
    """Short backward passes down to the parameters ``at``, and a whole one of the weighted losses.

    Example:
        Gradients are measured at the last of two layers; the update reaches both.

        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_parameters
        >>> from balancers.step.graph import find_leaves
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> first, last = (torch.ones(2, requires_grad=True) for _ in range(2))
        >>> losses = list((first * last).unbind())
        >>> leaves = find_leaves(losses, [first, last], None)
        >>> weigh = lambda gradients: Weighed(Answer(gradients.gramian.diagonal()))
        >>> job = FillJob(["a", "b"], losses, leaves, weigh, False, Group(None))
        >>> at_parameters(job, [last]).answer.weights.tolist(), first.grad.tolist()
        ([1.0, 1.0], [1.0, 1.0])
    """
    measured = job.group.gradients(task_gradients(job.losses, Leaves(at, []), retain_graph=True))
    if all(gradient is None for row in measured.rows for gradient in row):
        raise ValueError("none of the parameters in at= is reached by the losses: pass a shared layer's parameters")
    return _backward_weighted(job, job.weigh(measured))


def at_features(job: FillJob, features: Sequence[Tensor]) -> Weighed:
    """Backward passes through the heads alone, and one through the encoder.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_features
        >>> from balancers.step.graph import find_leaves
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> losses = list((3 * features).unbind())
        >>> leaves = find_leaves(losses, None, [features])
        >>> equal = Weighed(Answer(torch.ones(2, dtype=torch.float64)))
        >>> job = FillJob(["a", "b"], losses, leaves, lambda gradients: equal, False, Group(None))
        >>> at_features(job, [features]).answer.weights.tolist(), point.grad.tolist()
        ([1.0, 1.0], [6.0, 6.0])
    """
    measured = task_gradients(job.losses, Leaves(list(features), job.leaves.specific), retain_graph=True)
    measured = job.group.gradients(measured, shared=False)
    weighed = job.weigh(measured)
    if weighed.seeds is not None:
        encoder = _wide_pass(job, features, measured, weighed)
        return _write(job, measured, weighed, encoder)
    update = shared_update(weighed, measured, job.tasks)
    accumulate(head_gradients(weighed, measured, job.tasks, None, weigh=job.weigh_heads))
    pairs = [(z, _seed(part, z)) for z, part in zip(features, update, strict=True) if part is not None]
    _backward(job, [feature for feature, _ in pairs], [part for _, part in pairs], job.leaves.shared)
    return weighed


def _seed(part: Tensor, feature: Tensor) -> Tensor:
    """A gradient at a feature in the feature's dtype."""
    return (
        torch.view_as_complex(part.contiguous()).to(feature.dtype) if feature.is_complex() else part.to(feature.dtype)
    )


def _wide_pass(
    job: FillJob, features: Sequence[Tensor], measured: TaskGradients, weighed: Weighed
) -> list[Tensor | None]:
    """The encoder's gradients from one pass of the update at the features, brought to the middle of the range first."""
    ones = [1.0] * len(job.tasks)
    terms = terms_of(weighed.answer, measured, job.tasks, ones)
    require_no_lost_gradient(weighed, terms, measured.places)
    parts = wide_update(weighed.answer, measured, ones)
    scale = math.ldexp(1.0, math.frexp(largest_of(parts))[1])
    pairs = [(z, _seed(part / scale, z)) for z, part in zip(features, parts, strict=True) if part is not None]
    gradients = torch.autograd.grad(
        [feature for feature, _ in pairs], job.leaves.shared, [part for _, part in pairs], allow_unused=True
    )
    whole = job.group.means(None if gradient is None else widened(gradient) * scale for gradient in gradients)
    return narrowed(whole, job.leaves.shared, terms)


def at_shared(job: FillJob, *, whole: bool = True) -> Weighed:
    """One backward pass per task; the update is put together from the gradients that were measured.

    Unless the ``whole`` gradients are needed, those of large embedding tables are measured lookup by lookup.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_shared
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> from balancers.step.graph import find_leaves
        >>> leaves = find_leaves(losses, [point], None)
        >>> def weigh(gradients):  # equal weights, whatever was measured
        ...     return Weighed(Answer(torch.ones(2, dtype=torch.float64)))
        >>> job = FillJob(["a", "b"], losses, leaves, weigh, weigh_heads=False, group=Group(None))
        >>> at_shared(job).answer.weights.tolist()
        [1.0, 1.0]
        >>> point.grad.tolist()
        [-2.0, 4.0]
    """
    tables = None if whole or job.group.size > 1 else LookedUp(job.losses, job.leaves.shared)
    measured = job.group.gradients(task_gradients(job.losses, job.leaves, tables=tables))
    weighed = job.weigh(measured)
    update = shared_update(weighed, measured, job.tasks)
    return _write(job, measured, weighed, update if tables is None else tables.dense(update))


def at_shared_lean(job: FillJob) -> Weighed:
    """One batched backward pass that holds the gradients of a layer at a time, and one of the weighted losses.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> from balancers.step.filling import FillJob, at_shared_lean
        >>> from balancers.step.graph import find_leaves
        >>> from balancers.step.parallel import Group
        >>> from balancers.step.update import Weighed
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> leaves = find_leaves(losses, [point], None)
        >>> weigh = lambda products: Weighed(Answer(products.products.diagonal()))
        >>> job = FillJob(["a", "b"], losses, leaves, weigh, False, Group(None), lean=True)
        >>> at_shared_lean(job).answer.weights.tolist(), point.grad.tolist()
        ([1.0, 25.0], [-74.0, 100.0])
    """
    weighed = job.weigh(measure_lean(job.losses, job.leaves.shared, job.group))
    try:
        return _backward_weighted(job, weighed)
    except RuntimeError as error:
        if "vmapped" not in str(error):
            raise
        raise ValueError(
            "a tensor between the shared parameters and the losses retains its gradient, and took those of all tasks "
            "at once: leave out retain_grad(), or use memory='full'"
        ) from error


def _write(
    job: FillJob,
    measured: TaskGradients,
    weighed: Weighed,
    update: Sequence[Tensor | None],
    seeds: Sequence[float] | None = None,
) -> Weighed:
    """Add the update and the gradients of the heads to ``.grad``, and return the answer."""
    heads = head_gradients(weighed, measured, job.tasks, seeds, weigh=job.weigh_heads)
    parts = zip(job.leaves.shared, update, strict=True)
    accumulate([*(Addition(tensor, part) for tensor, part in parts if part is not None), *heads])
    return weighed


def _backward_weighted(job: FillJob, weighed: Weighed) -> Weighed:
    answer, weights = weighed.answer, weighed.answer.weights
    if weights.dim() > 1 or answer.gradients is not None:
        raise ValueError("a method that acts on the gradients themselves needs them at all shared parameters")
    if weighed.seeds is not None:
        return _task_by_task(job, weighed, weighed.seeds)
    seeds = _seeds(weights, job.losses)
    if job.weigh_heads:
        _backward(job, job.losses, seeds, None)
        return weighed
    if job.leaves.specific:  # a partial pass that ends at the heads and does not enter the encoder
        factors = torch.ones_like(weights) if answer.heads is None else answer.heads
        _backward(job, job.losses, _seeds(factors, job.losses), job.leaves.specific, retain_graph=True)
    _backward(job, job.losses, seeds, job.leaves.shared)
    return weighed


def _seeds(weights: Float[Tensor, "K"], losses: Sequence[Tensor]) -> list[Tensor]:
    """The weights as the gradients with which the backward passes of the losses begin."""
    dtypes = {loss.dtype for loss in losses}
    if len(dtypes) == 1:
        return list(weights.to(losses[0].device, losses[0].dtype, non_blocking=True).unbind())
    return [weight.to(loss.device, loss.dtype) for weight, loss in zip(weights, losses, strict=True)]


def _task_by_task(job: FillJob, weighed: Weighed, seeds: Sequence[float]) -> Weighed:
    """A backward pass per task, of losses that are brought to the middle of the range, put together by the weights."""
    measured = job.group.gradients(task_gradients(job.losses, job.leaves, seeds=seeds))
    require_finite_rows(measured.rows, job.tasks)
    terms = terms_of(weighed.answer, measured, job.tasks, seeds)
    require_no_lost_gradient(weighed, terms, measured.places)
    update = narrowed(wide_update(weighed.answer, measured, seeds), measured.places, terms)
    return _write(job, measured, weighed, update, seeds)


def _backward(
    job: FillJob,
    tensors: Sequence[Tensor],
    seeds: Sequence[Tensor],
    inputs: Sequence[Tensor] | None,
    *,
    retain_graph: bool = False,
) -> None:
    """Add the gradients of ``inputs``, or of all leaves, to their ``.grad``, averaged over the processes."""
    if job.group.size == 1:
        torch.autograd.backward(tensors, seeds, retain_graph=retain_graph, inputs=None if inputs is None else [*inputs])
        return
    leaves = [*job.leaves.shared, *job.leaves.specific] if inputs is None else inputs
    gradients = torch.autograd.grad(tensors, leaves, seeds, retain_graph=retain_graph, allow_unused=True)
    dense = (g.to_dense() if g is not None and g.is_sparse else g for g in gradients)
    means = zip(leaves, job.group.means(dense), strict=True)
    accumulate([Addition(tensor, gradient) for tensor, gradient in means if gradient is not None])
