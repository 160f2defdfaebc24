"""Where gradients are measured: in a training step (`measure_step`), and without one (`measure`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import DOUBLE
from balancers.contract.weighting import Evidence, Need
from balancers.step.gradients import TaskGradients, task_gradients
from balancers.step.graph import Leaves, find_leaves
from balancers.step.host import on_host
from balancers.step.inputs import Step
from balancers.step.lean.measured import LeanProducts
from balancers.step.parallel import Group
from balancers.step.products import cross_gramian_of


class Measured(NamedTuple):
    """What was measured in a step; all but the gradients is in main memory.

    Example:
        >>> import torch
        >>> from balancers.step.measuring import Measured
        >>> Measured(torch.ones(2)).evidence(losses=torch.zeros(2)).losses.tolist()
        [0.0, 0.0]
    """

    losses: Float[Tensor, "K"]  # as they are
    gramian: Float[Tensor, "K K"] | None = None
    gradients: Float[Tensor, "K D"] | None = None
    crossed: Float[Tensor, "K K"] | None = None
    resolution: float = DOUBLE
    lengths: Sequence[float] | None = None  # norms of the gradients, or their largest elements without a Gramian
    unchecked: Sequence[float] = ()  # numbers of the step before

    def evidence(self, losses: Float[Tensor, "K"]) -> Evidence:
        """The same as a method sees it, with the losses above their lower bounds."""
        return Evidence(losses, self.gramian, self.gradients, self.crossed, self.resolution)


def measure(losses: Sequence[Tensor] | Mapping[str, Tensor], shared: Iterable[Tensor] | None = None) -> Evidence:
    """The losses and the Gramian of the task gradients at the shared parameters, without touching any ``.grad``.

    The graph is kept, so that a training step can follow. What it returns is in main memory.

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
    stacked, products = on_host([stacked_losses(values), gradients.products])
    return Evidence(stacked, gradients.gramian_from(products), resolution=gradients.resolution())


def stacked_losses(losses: Sequence[Tensor]) -> Float[Tensor, "K"]:
    """The losses without their graph, on their device.

    Example:
        >>> import torch
        >>> from balancers.step.measuring import stacked_losses
        >>> stacked_losses([torch.tensor(1.0, requires_grad=True), torch.tensor(4.0)])
        tensor([1., 4.])
    """
    with torch.no_grad():
        return torch.stack(list(losses))


def measure_step(
    step: Step,
    gradients: TaskGradients | LeanProducts | None,
    needs: Need,
    others: Sequence[Step],
    group: Group,
    unchecked: Sequence[Tensor] = (),
) -> Measured:
    """The losses of a step, and what a method with these ``needs`` must be shown, in one transfer from the device.

    Example:
        >>> import torch
        >>> from balancers import Need
        >>> from balancers.step.gradients import task_gradients
        >>> from balancers.step.graph import Leaves
        >>> from balancers.step.inputs import Step
        >>> from balancers.step.measuring import measure_step
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> step = Step([point[0], -3 * point[0] + 4 * point[1]], torch.arange(2))  # gradients (1, 0) and (-3, 4)
        >>> gradients = task_gradients(step.losses, Leaves([point], []))
        >>> measured = measure_step(step, gradients, Need.GRAMIAN, [], Group(None))
        >>> measured.gramian.tolist(), measured.lengths
        ([[1.0, -3.0], [-3.0, 25.0]], [1.0, 5.0])

    Args:
        step: the losses.
        gradients: those that were measured, if any were.
        needs: of the method.
        others: the batches beside the first.
        group: the processes that share the batch.
        unchecked: numbers of the step before, to be looked at in the same transfer.
    """
    losses = stacked_losses(step.losses)
    (losses,) = group.mean([losses.double() if group.size > 1 else losses])
    if gradients is None and not unchecked:
        return Measured(on_host([losses])[0])
    sent = {"losses": losses} | ({"unchecked": torch.stack(list(unchecked))} if unchecked else {})
    if gradients is not None:
        sent |= _numbers_of(gradients, needs, others, group)
    numbers = dict(zip(sent, on_host(list(sent.values())), strict=True))
    looked_at = numbers["unchecked"].tolist() if unchecked else []
    if gradients is None:
        return Measured(numbers["losses"], unchecked=looked_at)
    products, largest = numbers.get("products"), numbers.get("lengths")
    gramian = None if products is None else gradients.gramian_from(products)
    lengths = None if largest is None else largest.tolist()
    if gramian is not None:
        lengths = [math.sqrt(square) if square > 0 else square for square in gramian.diagonal().tolist()]
    matrix = gradients.matrix if Need.GRADIENTS in needs and isinstance(gradients, TaskGradients) else None
    resolution = gradients.resolution(group.size)
    return Measured(numbers["losses"], gramian, matrix, numbers.get("crossed"), resolution, lengths, looked_at)


def _numbers_of(
    gradients: TaskGradients | LeanProducts, needs: Need, others: Sequence[Step], group: Group
) -> dict[str, Tensor]:
    """What is to be sent of the gradients, by name."""
    sent: dict[str, Tensor] = {}
    if isinstance(gradients, LeanProducts):
        return {"products": gradients.products} if Need.GRAMIAN in needs else {}
    if Need.CROSS_GRAMIAN in needs:
        rows = [
            group.gradients(task_gradients(batch.losses, Leaves(list(gradients.shared), []))).matrix for batch in others
        ]
        sent["crossed"] = cross_gramian_of(*([gradients.matrix, *rows][-2:]))
    if Need.GRAMIAN in needs:
        sent["products"] = gradients.products
    elif Need.GRADIENTS in needs:
        sent["lengths"] = torch.linalg.vector_norm(gradients.matrix, math.inf, dim=-1)
    return sent
