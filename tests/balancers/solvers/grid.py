"""Gramians of every kind and size on which solvers are tried."""

from collections.abc import Callable

import pytest
from torch import Tensor

from tests.balancers.jacobians import KINDS

SHAPES = [(2, 3), (3, 2), (5, 12), (11, 30), (40, 20), (40, 60)]


def gramians(kind: str, tasks: int, dimension: int) -> list[tuple[Tensor, Tensor]]:
    matrices = [KINDS[kind](tasks, dimension, seed) for seed in range(3)]
    return [(rows, rows @ rows.T) for rows in matrices]


def on_grid(test: Callable) -> Callable:
    return pytest.mark.parametrize("shape", SHAPES)(pytest.mark.parametrize("kind", KINDS)(test))
