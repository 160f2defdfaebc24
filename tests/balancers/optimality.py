"""How well conditions of optimality hold: inner products relative to the terms that have to cancel in them."""

from torch import Tensor

TOLERANCE = 1e-7  # relative to the terms that have to cancel


def combined(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The combination, and its inner products with the unit gradients over the size of what was summed."""
    total = weights @ rows
    norms = rows.norm(dim=-1)
    return total, rows @ total / norms / (weights.abs() * norms).sum()


def unit(vector: Tensor) -> Tensor:
    """The direction of a vector."""
    return vector / vector.norm()
