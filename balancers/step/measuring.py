"""What is seen of the task gradients, in a training step and from outside of one."""

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
    """
    values = list(losses.values()) if isinstance(losses, Mapping) else list(losses)
    leaves = find_leaves(values, shared, None)
    gradients = task_gradients(values, Leaves(leaves.shared, []), retain_graph=True)
    stacked = torch.stack([value.detach() for value in values]).double()
    return Evidence(stacked, gradients.gramian)


def gather_evidence(
    losses: Tensor, gradients: TaskGradients | None, needs: Need, others: Sequence[Step], group: Group
) -> Evidence:
    """What a method with these ``needs`` is shown of a step; ``others`` are the batches beside the first."""
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
    )
