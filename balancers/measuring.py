"""A look at the task gradients from outside of a training step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from balancers.base import Evidence
from balancers.gradients import task_gradients
from balancers.graph import Leaves, find_leaves


def measure(losses: Sequence[Tensor] | Mapping[str, Tensor], shared: Iterable[Tensor] | None = None) -> Evidence:
    """The losses and the Gramian of the task gradients at the shared parameters, without touching any ``.grad``.

    The graph is kept, so that a training step can follow.
    """
    values = list(losses.values()) if isinstance(losses, Mapping) else list(losses)
    leaves = find_leaves(values, shared, None)
    found = task_gradients(values, Leaves(leaves.shared, []), retain_graph=True)
    stacked = torch.stack([value.detach() for value in values]).double()
    return Evidence(stacked, found.gramian)
