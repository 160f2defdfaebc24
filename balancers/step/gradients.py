"""From losses and parameters to task gradients, their Gramian and their combination."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import PIECE, resolution_of
from balancers.step.graph import Leaves

SMALL = 1e-200  # a squared norm below this may have lost terms that float64 cannot hold


@dataclass(frozen=True)
class TaskGradients:
    """The gradient of every task at the shared and at the specific tensors, as autograd gave them.

    Gradients of complex shared tensors are real views: all that is computed from them sees real and imaginary parts.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import combine, task_gradients
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

    @cached_property
    def places(self) -> list[Tensor]:
        """The shared tensors, of which ``rows`` holds the gradients: complex ones as their real views."""
        return [real_view(tensor.detach()) if tensor.is_complex() else tensor for tensor in self.shared]

    @cached_property
    def matrix(self) -> Float[Tensor, "K D"]:
        """The gradients at the shared tensors, one flat row per task."""
        dtype = reduce(torch.promote_types, (tensor.dtype for tensor in self.places))
        sizes = [tensor.numel() for tensor in self.places]
        matrix = torch.zeros(len(self.rows), sum(sizes), dtype=dtype, device=self.shared[0].device)
        for flat, row in zip(matrix, self.rows, strict=True):
            for part, gradient in zip(flat.split(sizes), row, strict=True):
                if gradient is not None:
                    part.copy_(gradient.reshape(-1))
        return matrix

    @property
    def gramian(self) -> Float[Tensor, "K K"]:
        """Inner products of the gradients at the shared tensors, without putting the matrix together."""
        products = _sum_of_products(((piece, piece) for piece in self._pieces()), self.shared[0].device)
        dtypes = {tensor.dtype for tensor in self.shared}
        fits = torch.float64 not in dtypes or _in_range(products)
        return (products + products.mT) / 2 if fits else gramian_of(self.matrix)

    def resolution(self, processes: int = 1) -> float:
        """Which combinations of the gradients are zero up to rounding (`balancers.contract.exactness`)."""
        elements = sum(tensor.numel() for tensor in self.shared)
        return max(resolution_of(dtype, elements, processes) for dtype in {tensor.dtype for tensor in self.shared})

    def _pieces(self) -> Iterator[Float[Tensor, "K N"]]:
        """The columns of the matrix in double precision, some at a time; each piece is gone with the next one."""
        wide = torch.empty(len(self.rows), PIECE, dtype=torch.float64, device=self.shared[0].device)
        for i, tensor in enumerate(self.places):
            gradients = [row[i] for row in self.rows]
            if any(gradient is not None for gradient in gradients):
                zero = tensor.new_zeros(()).expand(tensor.numel())
                flat = [zero if gradient is None else gradient.reshape(-1) for gradient in gradients]
                for parts in zip(*(row.split(PIECE) for row in flat), strict=True):
                    piece = wide[:, : len(parts[0])]
                    for row, part in zip(piece, parts, strict=True):
                        row.copy_(part)
                    yield piece

    def combine(self, weights: Float[Tensor, "K"]) -> list[Tensor | None]:
        """The weighted sum of the gradients at every shared tensor; none where no loss depends on it."""
        total: list[Tensor | None] = [None] * len(self.shared)
        for weight, row in zip(weights.tolist(), self.rows, strict=True):
            for i, (gradient, so_far) in enumerate(zip(row, total, strict=True)):
                if gradient is not None:
                    total[i] = gradient * weight if so_far is None else so_far.add_(gradient, alpha=weight)
        return total


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
    losses: Sequence[Tensor], leaves: Leaves, *, retain_graph: bool = False, seeds: Sequence[float] | None = None
) -> TaskGradients:
    """One backward pass per task; the graph is freed with the last one unless ``retain_graph``.

    With ``seeds``, the gradients are those of the losses times these numbers.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import task_gradients
        >>> from balancers.step.graph import Leaves
        >>> point = torch.ones(2, requires_grad=True)
        >>> losses = [point[0], -3 * point[0] + 4 * point[1]]  # gradients (1, 0) and (-3, 4)
        >>> task_gradients(losses, Leaves([point], [])).rows[1][0].tolist()
        [-3.0, 4.0]
    """
    rows, specific = [], []
    for number, loss in enumerate(losses):
        gradients = torch.autograd.grad(
            loss,
            [*leaves.shared, *leaves.specific],
            None if seeds is None else loss.new_tensor(seeds[number]),
            retain_graph=retain_graph or number + 1 < len(losses),
            allow_unused=True,
        )
        dense = [g.to_dense() if g is not None and g.is_sparse else g for g in gradients]
        rows.append([None if g is None else real_view(g) for g in dense[: len(leaves.shared)]])
        own = zip(leaves.specific, dense[len(leaves.shared) :], strict=True)
        specific.append([(parameter, gradient) for parameter, gradient in own if gradient is not None])
    return TaskGradients(leaves.shared, rows, specific)


def gramian_of(matrix: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B K K"]:
    """Inner products of the rows, in float64 and exactly symmetric.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import gramian_of
        >>> gramian_of(torch.tensor([[1.0, 0.0], [-3.0, 4.0]])).tolist()
        [[1.0, -3.0], [-3.0, 25.0]]
    """
    products = cross_gramian_of(matrix, matrix)
    return (products + products.mT) / 2


def cross_gramian_of(left: Float[Tensor, "*B K D"], right: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B K K"]:
    """Inner products of the rows of one matrix with the rows of another, in float64.

    Products of numbers in single precision never leave the range of double precision. Rows in double precision are
    scaled by a power of two where theirs do.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import cross_gramian_of
        >>> cross_gramian_of(torch.tensor([[1.0, 0.0], [-3.0, 4.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0]])).tolist()
        [[2.0, 0.0], [-6.0, 4.0]]
    """
    pieces = list(zip(left.split(PIECE, dim=-1), right.split(PIECE, dim=-1), strict=True))
    if torch.float64 not in (left.dtype, right.dtype):
        return _sum_of_products(pieces, left.device)
    if left is right and may_look(left.device) and _in_range(products := _sum_of_products(pieces, left.device)):
        return products
    scale_left, scale_right = _scale(left), _scale(right)
    scaled = ((a.double() / scale_left, b.double() / scale_right) for a, b in pieces)
    return _sum_of_products(scaled, left.device) * scale_left * scale_right.mT


def _sum_of_products(pieces: Iterable[tuple[Tensor, Tensor]], device: torch.device) -> Float[Tensor, "*B K L"]:
    """The sum of ``a @ b.mT``, in double precision: single precision loses combinations of nearly dependent rows."""
    total = torch.zeros((), dtype=torch.float64, device=device)
    for a, b in pieces:
        left = a.double()
        total = total + left @ (left if a is b else b.double()).mT
    return total


def may_look(device: torch.device) -> bool:
    """Whether reading numbers is free: on an accelerator it waits for all pending work.

    Example:
        >>> import torch
        >>> from balancers.step.gradients import may_look
        >>> may_look(torch.device("cpu")), may_look(torch.device("cuda"))
        (True, False)
    """
    return device.type == "cpu"


def _in_range(products: Float[Tensor, "*B K K"]) -> bool:
    squares = products.diagonal(dim1=-2, dim2=-1)
    return bool(((squares > SMALL) & squares.isfinite()).all())


def _scale(matrix: Tensor) -> Tensor:
    """A power of two for every row, shape (..., K, 1), near its largest element."""
    largest = matrix.abs().amax(-1, keepdim=True).double()
    return torch.where(largest > 0, torch.exp2(torch.floor(torch.log2(largest))), 1.0)


def combine(weights: Tensor, matrix: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B D"]:
    """The weighted sum of the rows; weights are per row, (*B, K), or per element, (*B, K, D).

    Example:
        >>> import torch
        >>> from balancers.step.gradients import combine
        >>> combine(torch.tensor([3.0, 1.0]), torch.tensor([[1.0, 0.0], [-3.0, 4.0]])).tolist()
        [0.0, 4.0]
    """
    weights = weights.to(matrix.dtype)
    if weights.dim() == matrix.dim():
        return (weights * matrix).sum(-2)
    return (weights[..., None, :] @ matrix).squeeze(-2)
