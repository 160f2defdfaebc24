"""The lean Gramian in the place of measured gradients: what a step asks of either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from balancers.step.gradients import resolution_at
from balancers.step.lean.gramian import lean_gramian
from balancers.step.parallel import Group


@dataclass(frozen=True)
class LeanProducts:
    """Inner products of task gradients that were never held, at the shared parameters.

    Example:
        >>> import torch
        >>> from balancers.step.lean.measured import measure_lean
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> features = 2 * point
        >>> measured = measure_lean([features[0], 3 * features[1]], [point], Group(None))
        >>> measured.products.tolist(), measured.reached
        ([[4.0, 0.0], [0.0, 36.0]], [True, True])
    """

    shared: Sequence[Tensor]
    products: Float[Tensor, "K K"]  # on the device of the parameters
    reached: list[bool]  # whether a task's loss depends on any of them

    def gramian_from(self, products: Float[Tensor, "K K"]) -> Float[Tensor, "K K"]:
        """The Gramian, once its products are in main memory."""
        return (products + products.mT) / 2

    def resolution(self, processes: int = 1) -> float:
        """Which combinations of the gradients are zero up to rounding (`balancers.contract.exactness`)."""
        return resolution_at(self.shared, processes)


def measure_lean(losses: Sequence[Tensor], shared: Sequence[Tensor], group: Group) -> LeanProducts:
    """The inner products of the task gradients, of the whole batch where processes share one.

    Example:
        >>> import torch
        >>> from balancers.step.lean.measured import measure_lean
        >>> from balancers.step.parallel import Group
        >>> point = torch.ones(2, requires_grad=True)
        >>> measure_lean([point.sum(), point.prod()], [point], Group(None)).products.tolist()
        [[2.0, 2.0], [2.0, 2.0]]
    """
    measured = lean_gramian(losses, shared, None if group.size == 1 else lambda rows: group.mean([rows])[0])
    return LeanProducts(shared, measured.gramian, measured.reached)
