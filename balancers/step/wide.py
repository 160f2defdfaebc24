"""Weighted sums in double precision, where products may leave the range of a dtype; what does not fit is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import widest
from balancers.step import products
from balancers.step.errors import OutOfRangeError, nonfinite_gradients

COLUMNS = 1 << 20  # of a matrix that are held in double precision at a time


class Terms(NamedTuple):
    """The terms of a weighted sum, for the message of an error.

    Example:
        >>> import torch
        >>> from balancers.step.wide import Terms
        >>> terms = Terms(["a", "b"], torch.tensor([1.0, 4.0]), [[torch.ones(2)], [torch.ones(2)]], [1.0, 0.5])
        >>> terms.largest()
        ('b', 4.0, 2.0)
    """

    tasks: Sequence[str]
    weights: Float[Tensor, "K"] | Float[Tensor, "K D"]
    rows: Sequence[Sequence[Tensor | None]]  # gradients times ``seeds``, task by task
    seeds: Sequence[float]

    def largest(self) -> tuple[str, float, float]:
        """The task with the largest term, its largest weight, and the largest element of its gradient."""
        return max(self.each(), key=lambda term: term[1] * term[2])

    def each(self) -> list[tuple[str, float, float]]:
        """Every task, its largest weight, and the largest element of its gradient."""
        weights = self.weights.abs().flatten(1).amax(-1) if self.weights.dim() > 1 else self.weights.abs()
        sizes = [largest_of(row) / seed for row, seed in zip(self.rows, self.seeds, strict=True)]
        return list(zip(self.tasks, weights.tolist(), sizes, strict=True))


def largest_of(tensors: Sequence[Tensor | None]) -> float:
    """The largest magnitude of any element; 0 without elements, NaN if one is NaN.

    Example:
        >>> import torch
        >>> from balancers.step.wide import largest_of
        >>> largest_of([torch.tensor([1.0, -3.0]), None])
        3.0
    """
    sizes = [float(tensor.abs().amax()) for tensor in tensors if tensor is not None and tensor.numel()]
    return math.nan if any(map(math.isnan, sizes)) else max(sizes, default=0.0)


def weighted_sums(weights: Float[Tensor, "K"], rows: Sequence[Sequence[Tensor | None]]) -> list[Tensor | None]:
    """The weighted sum of the rows at every tensor, in float64; none where all rows have none.

    Example:
        >>> import torch
        >>> from balancers.step.wide import weighted_sums
        >>> weights = torch.tensor([2.0**140, 0.0], dtype=torch.float64)
        >>> weighted_sums(weights, [[torch.tensor([2.0**-130]), None], [None, None]])
        [tensor([1024.], dtype=torch.float64), None]
    """
    total: list[Tensor | None] = [None] * len(rows[0])
    for weight, row in zip(weights.tolist(), rows, strict=True):
        for i, (gradient, so_far) in enumerate(zip(row, total, strict=True)):
            if gradient is not None:
                term = widened(gradient) * weight
                total[i] = term if so_far is None else so_far.add_(term)
    return total


def weighted_rows(weights: Tensor, matrix: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B D"]:
    """The weighted sum of the rows in float64; weights are per row, (*B, K), or per element, (*B, K, D).

    Example:
        >>> import torch
        >>> from balancers.step.wide import weighted_rows
        >>> weights = torch.tensor([2.0**140, 0.0], dtype=torch.float64)
        >>> weighted_rows(weights, torch.tensor([[2.0**-130], [1.0]]))
        tensor([1024.], dtype=torch.float64)
    """
    weights = weights.to(matrix.device) if widest(matrix.device) == torch.float64 else weights
    whole = weights if weights.dim() == matrix.dim() else weights[..., None].expand(matrix.shape)
    pieces = zip(whole.split(COLUMNS, -1), matrix.split(COLUMNS, -1), strict=True)
    return torch.cat([(widened(left) * widened(right)).sum(-2) for left, right in pieces], -1)


def combined(weights: Tensor, matrix: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B D"]:
    """The weighted sum of the rows in their dtype; put together in float64 where that leaves the range.

    An accelerator, for whose numbers one would have to wait, keeps what left the range.

    Example:
        >>> import torch
        >>> from balancers.step.wide import combined
        >>> combined(torch.tensor([2.0**140, 0.0], dtype=torch.float64), torch.tensor([[2.0**-130], [1.0]]))
        tensor([1024.])
    """
    update = products.combine(weights, matrix)
    if products.may_look(matrix.device) and not torch.linalg.vector_norm(update, math.inf).isfinite():
        update = weighted_rows(weights, matrix).to(matrix.dtype)
    return update


def widened(tensor: Tensor) -> Tensor:
    """The tensor in double precision.

    Example:
        >>> import torch
        >>> from balancers.step.wide import widened
        >>> widened(torch.ones(1)).dtype, widened(torch.ones(1, dtype=torch.complex64)).dtype
        (torch.float64, torch.complex128)

    Raises:
        OutOfRangeError: the device has no double precision.
    """
    if widest(tensor.device) != torch.float64:
        raise OutOfRangeError(
            f"the losses are so large or so small that this step needs double precision, which {tensor.device.type} "
            "does not have; nothing was written to .grad, and the state is as it was. Bring the losses to one scale, "
            "near 1"
        )
    return tensor.to(torch.promote_types(tensor.dtype, torch.float64))


def narrowed(
    sums: Sequence[Tensor | None], like: Sequence[Tensor], terms: Terms, *, all_zero: bool = False
) -> list[Tensor | None]:
    """The sums in the dtypes of ``like``; ``all_zero`` says whether all of them may be too small for these.

    Example:
        >>> import torch
        >>> from balancers.step.wide import Terms, narrowed
        >>> gradient = torch.tensor([1e30])
        >>> terms = Terms(["a"], torch.tensor([1e20]).double(), [[gradient]], [1.0])
        >>> narrowed([gradient.double() * 1e20], [gradient], terms)
        Traceback (most recent call last):
            ...
        balancers.step.errors.OutOfRangeError: the update leaves the range of float32: task 'a' has the weight 1e+20 ...

    Raises:
        OutOfRangeError: a sum is too large for its dtype, or all of them are 0 because they are too small.
    """
    narrow = [None if part is None else part.to(tensor.dtype) for part, tensor in zip(sums, like, strict=True)]
    parts = [part for part in narrow if part is not None]
    if not all(part.isfinite().all() for part in parts):
        raise OutOfRangeError(_message("leaves the range of", terms, parts, "smaller"))
    if parts and not all_zero and not any(part.any() for part in parts):
        _, weight, size = terms.largest()
        smallest = min(torch.finfo(part.dtype).tiny * torch.finfo(part.dtype).eps for part in parts)
        if weight and size and weight * size < smallest:
            raise OutOfRangeError(_message("is 0 in the range of", terms, parts, "larger"))
    return narrow


def _message(what: str, terms: Terms, parts: Sequence[Tensor], wanted: str) -> str:
    task, weight, size = terms.largest()
    dtypes = " and ".join(sorted({str(part.dtype).removeprefix("torch.") for part in parts}))
    return (
        f"the update {what} {dtypes}: task {task!r} has the weight {weight:.3g} and a gradient with elements up to "
        f"{size:.3g}; nothing was written to .grad, and the state is as it was. Multiply the losses by a number that "
        f"makes such an update {wanted}, or bring them to one scale"
    )


def require_finite_rows(rows: Sequence[Sequence[Tensor | None]], tasks: Sequence[str]) -> None:
    """Raise `NonFiniteGradientError` for the tasks one of whose gradients is NaN or infinite.

    Example:
        >>> import torch
        >>> from balancers.step.wide import require_finite_rows
        >>> require_finite_rows([[torch.ones(2)], [torch.full((2,), torch.inf)]], ["a", "b"])
        Traceback (most recent call last):
            ...
        balancers.step.errors.NonFiniteGradientError: the gradients of tasks ['b'] are not finite ...
    """
    broken = [task for task, row in zip(tasks, rows, strict=True) if not math.isfinite(largest_of(row))]
    if broken:
        raise nonfinite_gradients(broken)
