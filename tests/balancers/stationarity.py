"""Gradients of given shape and rank, stationary in a known sense, by their singular vectors.

Gradients are strongly stationary if a combination of all of them with positive weights is zero, and weakly stationary
if one with weights of at least zero is. As Quinton and Rey define them, Jacobian Descent for Multi-Objective
Optimization, 2024; the shapes and ranks are those that the tests of their library use.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

SHAPES = [(1, 1, 1), (4, 3, 1), (4, 3, 2), (4, 3, 3), (9, 11, 5), (9, 11, 9)]  # tasks, elements, rank
EMPTY = [(1, 1), (4, 3), (9, 11)]
STATIONARY_SHAPES = [(20, 10, 10), (20, 10, 5), (20, 10, 1), (20, 100, 1), (20, 100, 19)]
SCALES = [0.0, 1e-10, 1e3, 1e5, 1e10, 1e15]


def any_gradients(tasks: int, elements: int, rank: int, generator: Generator) -> Tensor:
    """No more is known of them than their rank."""
    nothing = torch.zeros(tasks, 0, dtype=torch.float64)
    return _from_left(_beside(nothing, generator)[:, :rank], elements, generator)


def strongly_stationary(tasks: int, elements: int, rank: int, generator: Generator) -> Tensor:
    """Orthogonal, as columns, to positive weights."""
    weights = _unit(_normal(tasks, 1, generator=generator).abs())
    return _from_left(_beside(weights, generator)[:, :rank], elements, generator)


def strictly_weakly_stationary(tasks: int, elements: int, rank: int, generator: Generator) -> Tensor:
    """Orthogonal to weights of some tasks, while weights of the others, all positive, are a left singular vector.

    Along the right one of it the loss of none of them decreases and some increase, so that no positive combination is
    zero.
    """
    positive = _normal(tasks, 1, generator=generator).abs()
    members = torch.zeros(tasks, 1, dtype=torch.bool)
    members[: int(torch.randint(1, tasks, (), generator=generator))] = True
    some, others = _unit(positive * members), _unit(positive * ~members)
    left = torch.cat([others, _beside(torch.cat([some, others], 1), generator)], 1)
    return _from_left(left[:, :rank], elements, generator)[torch.randperm(tasks, generator=generator)]


def not_stationary(tasks: int, elements: int, rank: int, generator: Generator) -> Tensor:
    """Positive weights are a left singular vector: along the right one of it every loss changes the same way."""
    weights = _unit(_normal(tasks, 1, generator=generator).abs())
    return _from_left(torch.cat([weights, _beside(weights, generator)], 1)[:, :rank], elements, generator)


def _from_left(left: Tensor, elements: int, generator: Generator) -> Tensor:
    nothing = torch.zeros(elements, 0, dtype=torch.float64)
    right = _beside(nothing, generator)[:, : left.shape[1]]
    return left * _normal(left.shape[1], generator=generator).abs() @ right.T


def _beside(columns: Tensor, generator: Generator) -> Tensor:
    """An orthonormal basis of the vectors that are orthogonal to orthonormal columns."""
    size, known = columns.shape
    directions = _normal(size, size - known, generator=generator)
    for _ in range(2):  # once more removes what rounding left
        directions = torch.linalg.qr(directions - columns @ (columns.T @ directions)).Q
    return directions


def _normal(*shape: int, generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _unit(column: Tensor) -> Tensor:
    return column / column.norm()


def _all(kind: Callable[..., Tensor], shapes: list[tuple[int, int, int]]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [kind(*shape, generator) for shape in shapes]


ANY = _all(any_gradients, SHAPES)
ZERO = [torch.zeros(shape, dtype=torch.float64) for shape in EMPTY]
STRONG = _all(strongly_stationary, STATIONARY_SHAPES)
STRICTLY_WEAK = _all(strictly_weakly_stationary, STATIONARY_SHAPES)
NOT_STATIONARY = _all(not_stationary, STATIONARY_SHAPES)
SCALED = [scale * rows for scale in SCALES for rows in ANY]
TYPICAL = [*ZERO, *ANY, *STRONG, *STRICTLY_WEAK, *NOT_STATIONARY]
NOT_STRONG = [*STRICTLY_WEAK, *NOT_STATIONARY]
