"""The Gramian of task gradients from one batched backward pass that holds the rows of one parameter at a time.

Every loss first sends its gradient through its own part of the graph, down to the edges where the graphs of several
losses meet. These gradients, stacked, then go through the common part together: as soon as the rows at one parameter
are complete, their inner products are added to the Gramian, and the rows are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from balancers.step.junctions import Junctions, find_junctions
from balancers.step.lean.common import through_common
from balancers.step.lean.own import to_junctions
from balancers.step.lean.total import GramianSum


class LeanGramian(NamedTuple):
    """A Gramian whose rows were never held all at once.

    Example:
        >>> import torch
        >>> from balancers.step.lean.gramian import LeanGramian
        >>> LeanGramian(torch.eye(2).double(), [True, True]).gramian.shape
        torch.Size([2, 2])
    """

    gramian: Float[Tensor, "K K"]  # float64, on the device of the first shared parameter
    reached: list[bool]  # whether the loss of a task depends on any of the shared parameters


def lean_gramian(
    losses: Sequence[Tensor], shared: Sequence[Tensor], mean: Callable[[Tensor], Tensor] | None = None
) -> LeanGramian:
    """Inner products of the task gradients at the shared parameters, without holding K rows of all of them.

    It is the Gramian of `TaskGradients` up to the rounding of the gradients. No ``.grad`` is touched, and the graph is
    kept. One backward pass per loss goes through the part of the graph that this loss alone depends on, and one batched
    pass through the common part. PyTorch runs an operation without a batching rule task by task: exact, but slower.

    At the peak, the gradients of all tasks at the largest activations are held, and the rows at the parameter at hand.
    The weight of a linear layer takes no rows of its own where it is used once: they are formed some outputs at a
    time. An embedding that is used for lookups alone takes one row per lookup instead of the whole table.

    Example:
        >>> import torch
        >>> from balancers.step.lean.gramian import lean_gramian
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> losses = [features[0], -3 * features[0] + 4 * features[1]]  # gradients (2, 0) and (-6, 8)
        >>> measured = lean_gramian(losses, [point])
        >>> measured.gramian.tolist(), measured.reached
        ([[4.0, -12.0], [-12.0, 100.0]], [True, True])

    Args:
        losses: K scalars.
        shared: parameters, none twice; one that no loss depends on adds nothing.
        mean: applied to the rows (K, *shape) of each parameter before their inner products are formed, for example
            a mean over processes. The parameters come in the order of the backward pass.

    Raises:
        ValueError: an operation of the common part cannot run for all tasks at once; or the losses come from separate
            forward passes, whose rows would have to be held all at once; or PyTorch is older than 2.5.
    """
    if torch.__version__ < "2.5":
        raise ValueError(f"memory='lean' needs PyTorch 2.5 or newer, not {torch.__version__}: use memory='full'")
    junctions = find_junctions(losses)
    _require_common_path(junctions, shared)
    total = GramianSum(junctions, shared, mean)
    seeds = to_junctions(losses, junctions, total)
    if seeds and any(total.tasks_of.values()):
        through_common(junctions, seeds, total)
    reached = {task for tasks in total.tasks_of.values() for task in tasks}
    return LeanGramian(total.gramian, [task in reached for task in range(len(losses))])


def _require_common_path(junctions: Junctions, shared: Sequence[Tensor]) -> None:
    """Raise ``ValueError`` if most parameters, and more than one, are reached by each loss on a way of its own."""
    ends = {edge.node for entries in junctions.entries for edge in entries}
    sizes = {p: p.numel() for p in shared}
    apart = sum(size for parameter, size in sizes.items() if get_gradient_edge(parameter).node in ends)
    if apart > max(*sizes.values(), sum(sizes.values()) / 2):
        raise ValueError(
            f"memory='lean' saves nothing here: the losses reach {apart} of the {sum(sizes.values())} shared elements "
            "by separate forward passes, so that the gradients of all tasks would be held at once: compute all losses "
            "from one forward pass through the shared parameters, or use memory='full'"
        )
