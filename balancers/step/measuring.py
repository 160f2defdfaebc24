"""Where gradients are measured: in a training step (`gather_evidence`), and without one (`measure`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from balancers.contract.weighting import Evidence, Need
from balancers.step.gradients import TaskGradients, cross_gramian_of, task_gradients
from balancers.step.graph import Leaves, find_leaves
from balancers.step.inputs import Step
from balancers.step.parallel import Group


def measure(losses: Sequence[Tensor] | Mapping[str, Tensor], shared: Iterable[Tensor] | None = None) -> Evidence:
    """The losses and the Gramian of the task gradients at the shared parameters, without touching any ``.grad``.

    The graph is kept, so that a training step can follow.

    Example:
        >>> import torch
        >>> from balancers import measure
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> evidence = measure(losses, shared=[point])
        >>> evidence.gramian.tolist(), evidence.conflicts.item(), point.grad
        ([[1.0, -3.0], [-3.0, 25.0]], 1.0, None)
    """
    values = list(losses.values()) if isinstance(losses, Mapping) else list(losses)
    leaves = find_leaves(values, shared, None)
    gradients = task_gradients(values, Leaves(leaves.shared, []), retain_graph=True)
    stacked = torch.stack([value.detach() for value in values]).double()
    return Evidence(stacked, gradients.gramian, resolution=gradients.resolution())


def gather_evidence(
    losses: Tensor, gradients: TaskGradients | None, needs: Need, others: Sequence[Step], group: Group
) -> Evidence:
    """The evidence of a step for a method with these ``needs``; ``others`` are the batches beside the first.

    Example:
        >>> import torch
        >>> from balancers import Need
        >>> from balancers.step.gradients import task_gradients
        >>> from balancers.step.graph import Leaves
        >>> from balancers.step.measuring import gather_evidence
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> gradients = task_gradients(losses, Leaves([point], []))
        >>> evidence = gather_evidence(torch.tensor([1.0, 1.0]), gradients, Need.GRAMIAN, [], Group(None))
        >>> evidence.gramian.tolist(), evidence.measured_gradients
        ([[1.0, -3.0], [-3.0, 25.0]], None)
    """
    if gradients is None:
        return Evidence(losses)
    cross = None
    if Need.CROSS_GRAMIAN in needs:
        rows = [group.gradients(task_gradients(batch.losses, Leaves(gradients.shared, []))).matrix for batch in others]
        cross = cross_gramian_of(*([gradients.matrix, *rows][-2:]))
    return Evidence(
        losses,
        gradients.gramian if Need.GRAMIAN in needs else None,
        gradients.matrix if Need.GRADIENTS in needs else None,
        cross,
        gradients.resolution(group.size),
    )
