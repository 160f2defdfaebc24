"""From losses and parameters to task gradients, their Gramian and their combination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import resolution_of
from balancers.step import several
from balancers.step.graph import Leaves
from balancers.step.host import may_look, on_host
from balancers.step.pieces import Part, columns_of, pieces_of
from balancers.step.products import combine, gramian_of, products_fit, sum_of_products
from balancers.step.tables import LookedUp


@dataclass(frozen=True)
class TaskGradients:
    """The gradient of every task at the shared and at the specific tensors, as autograd gave them.

    Gradients of complex shared tensors are real views: all that is computed from them sees real and imaginary parts.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import task_gradients
        >>> from balancers.step.graph import Leaves
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> gradients = task_gradients(losses, Leaves([point], []))
        >>> gradients.matrix.tolist()
        [[1.0, 0.0], [-3.0, 4.0]]
        >>> gradients.combine(torch.tensor([3.0, 1.0]))[0].tolist()
        [0.0, 4.0]
    """

    shared: list[Tensor]
    rows: list[list[Tensor | None]]  # task -> gradient at every shared tensor; none if the loss does not depend on it
    specific: list[list[tuple[Tensor, Tensor]]]  # task -> (parameter, gradient)
    share: Callable[[Tensor], Tensor] | None = None  # products of all processes, where each has examples of its own

    @cached_property
    def places(self) -> list[Tensor]:
        """The shared tensors, of which ``rows`` holds the gradients: complex ones as their real views."""
        return [real_view(tensor.detach()) if tensor.is_complex() else tensor for tensor in self.shared]

    @cached_property
    def matrix(self) -> Float[Tensor, "K D"]:
        """The gradients at the shared tensors, one flat row per task."""
        columns = self._columns([Part(i, 0, tensor.numel()) for i, tensor in enumerate(self.places)])
        return columns.clone() if len(self.rows) == len(self.places) == 1 else columns  # or it were the gradient itself

    @cached_property
    def products(self) -> Float[Tensor, "K K"]:
        """Inner products of the gradients at the shared tensors on their device, where rounding may make them skew."""
        reached = [i for i in range(len(self.shared)) if any(row[i] is not None for row in self.rows)]
        sizes = [self.places[i].numel() for i in reached]
        device = self.shared[0].device
        pieces = pieces_of(sizes, columns_of(sum(sizes), len(self.rows), device))
        if len(pieces) == 1 and len(reached) == len(self.shared):
            return self._shared(sum_of_products([(self.matrix, self.matrix)], device))
        chosen = ([part._replace(tensor=reached[part.tensor]) for part in piece] for piece in pieces)
        return self._shared(sum_of_products(((columns, columns) for columns in self._widened(chosen)), device))

    def _shared(self, products: Float[Tensor, "K K"]) -> Float[Tensor, "K K"]:
        return products if self.share is None else self.share(products)

    @property
    def gramian(self) -> Float[Tensor, "K K"]:
        """Inner products of the gradients at the shared tensors, in double precision in main memory."""
        (products,) = on_host([self.products])
        return self.gramian_from(products)

    def gramian_from(self, products: Float[Tensor, "K K"]) -> Float[Tensor, "K K"]:
        """The Gramian, once its products are in main memory; formed again where squares leave the range of float64."""
        if torch.float64 in {tensor.dtype for tensor in self.places} and not products_fit(products):
            (products,) = on_host([self._shared(gramian_of(self.matrix))])
        return (products + products.mT) / 2

    def resolution(self, processes: int = 1) -> float:
        """Which combinations of the gradients are zero up to rounding (`balancers.contract.exactness`)."""
        return resolution_at(self.shared, processes)

    @property
    def reached(self) -> list[bool]:
        """Whether the loss of a task depends on any of the shared tensors."""
        return [any(gradient is not None for gradient in row) for row in self.rows]

    def _columns(self, parts: Sequence[Part]) -> Float[Tensor, "K N"]:
        """Some columns of the matrix; 0 where a loss does not depend on a tensor."""
        pieces = [self._piece(row[part.tensor], part) for row in self.rows for part in parts]
        flat = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        return flat.view(len(self.rows), -1)

    def _widened(self, pieces: Iterable[Sequence[Part]]) -> Iterator[Float[Tensor, "K N"]]:
        """Columns of the matrix; those of one tensor in double precision, which the next ones may overwrite."""
        room: Tensor | None = None
        for parts in pieces:
            size = parts[0].stop - parts[0].start
            if len(parts) > 1 or not may_look(self.shared[0].device):
                yield self._columns(parts)
                continue
            if room is None or room.shape[1] < size:
                room = torch.empty(len(self.rows), size, dtype=torch.float64)
            wide = room[:, :size]
            for place, row in zip(wide.unbind(), self.rows, strict=True):
                place.copy_(self._piece(row[parts[0].tensor], parts[0]))
            yield wide

    def _piece(self, gradient: Tensor | None, part: Part) -> Float[Tensor, "N"]:
        place = self.places[part.tensor]
        if gradient is None:
            return place.detach().new_zeros(()).expand(part.stop - part.start)
        flat = gradient.reshape(-1)
        return flat if len(flat) == part.stop - part.start else flat[part.start : part.stop]

    def combine(self, weights: Float[Tensor, "K"]) -> list[Tensor | None]:
        """The weighted sum of the gradients at every shared tensor; none where no loss depends on it.

        The sums are new tensors, or parts of a new one.
        """
        if "matrix" in self.__dict__:
            return self.split(combine(weights, self.matrix))
        sums: dict[int, Tensor] = {}  # by the position of a shared tensor
        for weight, row in zip(weights.tolist(), self.rows, strict=True):
            terms = {i: gradient for i, gradient in enumerate(row) if gradient is not None}
            more = [i for i in terms if i in sums]
            if more:
                several.add([sums[i] for i in more], [terms[i] for i in more], weight)
            new = [i for i in terms if i not in sums]
            if new:
                sums |= zip(new, several.scaled([terms[i] for i in new], weight), strict=True)
        return [sums.get(i) for i in range(len(self.shared))]

    def split(self, flat: Float[Tensor, "D"]) -> list[Tensor | None]:
        """A flat vector as parts in the shapes and dtypes of the shared tensors; none where no loss depends on one."""
        parts = zip(self.places, self.split_wide(flat), strict=True)
        return [None if part is None else part.to(tensor.dtype) for tensor, part in parts]

    def split_wide(self, flat: Float[Tensor, "D"]) -> list[Tensor | None]:
        """The same in the dtype of the vector."""
        parts = flat.split([tensor.numel() for tensor in self.places])
        return [
            part.view(tensor.shape) if any(row[i] is not None for row in self.rows) else None
            for i, (tensor, part) in enumerate(zip(self.places, parts, strict=True))
        ]


def resolution_at(tensors: Sequence[Tensor], processes: int = 1) -> float:
    """Which combinations of gradients at these tensors are zero up to rounding (`balancers.contract.exactness`).

    Example:
        >>> import torch
        >>> from balancers.step.gradients import resolution_at
        >>> f"{resolution_at([torch.ones(2), torch.ones(3, dtype=torch.float64)]):.1e}"
        '4.8e-07'
    """
    elements = sum(tensor.numel() for tensor in tensors)
    return max(resolution_of(dtype, elements, processes) for dtype in {tensor.dtype for tensor in tensors})


def real_view(tensor: Tensor) -> Tensor:
    """A complex tensor as a real one (..., 2), whose inner products are the real ones; a real tensor as it is.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import real_view
        >>> real_view(torch.tensor([1 + 2j])).tolist(), real_view(torch.tensor([3.0])).tolist()
        ([[1.0, 2.0]], [3.0])
    """
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def task_gradients(
    losses: Sequence[Tensor],
    leaves: Leaves,
    *,
    retain_graph: bool = False,
    seeds: Sequence[float] | None = None,
    tables: LookedUp | None = None,
) -> TaskGradients:
    """One backward pass per task; the graph is freed with the last one unless ``retain_graph``.

    With ``seeds``, the gradients are those of the losses times these numbers. With ``tables``, those of large embedding
    tables are rows of their stand-ins.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import task_gradients
        >>> from balancers.step.graph import Leaves
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> task_gradients(losses, Leaves([point], [])).rows[1][0].tolist()
        [-3.0, 4.0]
    """
    inputs: tuple[Any, ...] = tuple(leaves.shared) if tables is None else tables.inputs(leaves.shared)
    rows, specific = [], []
    for number, loss in enumerate(losses):
        gradients = torch.autograd.grad(
            loss,
            (*inputs, *leaves.specific),
            None if seeds is None else loss.new_tensor(seeds[number]),
            retain_graph=retain_graph or number + 1 < len(losses),
            allow_unused=True,
        )
        dense = [g.to_dense() if g is not None and g.is_sparse else g for g in gradients]
        row = dense[: len(inputs)] if tables is None else tables.row(dense[: len(inputs)], len(leaves.shared))
        rows.append([None if g is None else real_view(g) for g in row])
        own = zip(leaves.specific, dense[len(inputs) :], strict=True)
        specific.append([(parameter, gradient) for parameter, gradient in own if gradient is not None])
    return TaskGradients(leaves.shared if tables is None else tables.stand_ins(leaves.shared), rows, specific)
