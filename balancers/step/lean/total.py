"""A Gramian that grows by the inner products of the rows at one parameter after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.step.gradients import real_view
from balancers.step.junctions import Junctions
from balancers.step.lean.unbatched import Rows
from balancers.step.products import gramian_of, place_of_products


class GramianSum:
    """A Gramian to which the inner products of the rows at one parameter are added after those at another.

    Example:
        >>> import torch
        >>> from balancers.step.junctions import find_junctions
        >>> from balancers.step.lean.total import GramianSum
        >>> point = torch.ones(2, requires_grad=True)
        >>> total = GramianSum(find_junctions([point.sum(), point.prod()]), [point], None)
        >>> total.add(point, torch.tensor([[1.0, 0.0], [-3.0, 4.0]]))
        >>> total.gramian.tolist()
        [[1.0, -3.0], [-3.0, 25.0]]
    """

    def __init__(self, junctions: Junctions, shared: Sequence[Tensor], mean: Callable[[Tensor], Tensor] | None) -> None:
        tasks = len(junctions.entries)
        self.gramian = torch.zeros(tasks, tasks, dtype=torch.float64, device=place_of_products(shared[0].device))
        self.tasks_of = {parameter: junctions.tasks_of(parameter) for parameter in shared}
        self.mean = mean

    def add(self, parameter: Tensor, rows: Rows) -> None:
        """Add the rows (K, ...) at a parameter; those of tasks that do not reach it are zero, whatever they hold."""
        rows = real_view(rows if self.mean is None else self.mean(rows))
        products = gramian_of(_flat(rows)).to(self.gramian.device)
        if len(self.tasks_of[parameter]) < len(products):
            reaching = torch.zeros(len(products), dtype=torch.bool)
            reaching[self.tasks_of[parameter]] = True
            both = (reaching[:, None] & reaching).to(products.device, non_blocking=True)
            products = torch.where(both, products, 0.0)
        self.gramian += products

    def add_row(self, task: int, row: Tensor) -> None:
        """Add the gradient of the one task that reaches a parameter."""
        row = real_view(row if self.mean is None else self.mean(row))
        self.gramian[task, task] += gramian_of(row.reshape(1, row.numel()))[0, 0].to(self.gramian.device)


def _flat(rows: Rows) -> Float[Tensor, "K D"]:
    """The rows as vectors whose elements stand in the order in which they lie in memory, which saves a copy."""
    axes = sorted(range(1, rows.dim()), key=rows.stride, reverse=True)
    return rows.permute(0, *axes).reshape(len(rows), rows[0].numel())
