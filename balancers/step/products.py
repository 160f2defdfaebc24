"""Inner products of rows of numbers, in double precision, and their weighted sums."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.exactness import PIECE, widest
from balancers.step.host import may_look

SMALL = 1e-200  # a squared norm below this may have lost terms that float64 cannot hold


def gramian_of(matrix: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B K K"]:
    """Inner products of the rows, in float64 and exactly symmetric.

    Example:
        >>> import torch
        >>> from balancers.step.products import gramian_of
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
        >>> from balancers.step.products import cross_gramian_of
        >>> cross_gramian_of(torch.tensor([[1.0, 0.0], [-3.0, 4.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0]])).tolist()
        [[2.0, 0.0], [-6.0, 4.0]]
    """
    pieces = list(zip(left.split(PIECE, dim=-1), right.split(PIECE, dim=-1), strict=True))
    if torch.float64 not in (left.dtype, right.dtype):
        return sum_of_products(pieces, left.device)
    if left is right and may_look(left.device) and products_fit(products := sum_of_products(pieces, left.device)):
        return products
    scale_left, scale_right = _scale(left), _scale(right)
    scaled = ((a.double() / scale_left, b.double() / scale_right) for a, b in pieces)
    return sum_of_products(scaled, left.device) * scale_left * scale_right.mT


def sum_of_products(pieces: Iterable[tuple[Tensor, Tensor]], device: torch.device) -> Float[Tensor, "*B K L"]:
    """The sum of ``a @ b.mT`` in double precision: single precision loses combinations of nearly dependent rows.

    Pieces of a device without double precision are brought to main memory, and so is the sum.

    Example:
        >>> import torch
        >>> from balancers.step.products import sum_of_products
        >>> rows = torch.tensor([[1.0, 0.0], [-3.0, 4.0]])
        >>> sum_of_products([(rows, rows), (rows, rows)], rows.device).tolist()
        [[2.0, -6.0], [-6.0, 50.0]]
    """
    place = place_of_products(device)
    total: Tensor | None = None
    for a, b in pieces:
        left = a.to(place).double()
        product = left @ (left if a is b else b.to(place).double()).mT
        total = product if total is None else total.add_(product)
    return torch.zeros((), dtype=torch.float64, device=place) if total is None else total


def place_of_products(device: torch.device) -> torch.device:
    """Where inner products of a device's rows are formed: there, or in main memory if it has no double precision.

    Example:
        >>> import torch
        >>> from balancers.step.products import place_of_products
        >>> place_of_products(torch.device("cpu"))
        device(type='cpu')
    """
    return device if widest(device) == torch.float64 else torch.device("cpu")


def products_fit(products: Float[Tensor, "*B K K"]) -> bool:
    """Whether the squares of the rows' norms lie inside the range of double precision.

    Example:
        >>> import torch
        >>> from balancers.step.products import products_fit
        >>> products_fit(torch.eye(2).double()), products_fit(1e-250 * torch.eye(2).double())
        (True, False)
    """
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
        >>> from balancers.step.products import combine
        >>> combine(torch.tensor([3.0, 1.0]), torch.tensor([[1.0, 0.0], [-3.0, 4.0]])).tolist()
        [0.0, 4.0]
    """
    weights = weights.to(matrix.device, matrix.dtype, non_blocking=True)
    if weights.dim() == matrix.dim():
        return (weights * matrix).sum(-2)
    return (weights[..., None, :] @ matrix).squeeze(-2)
