"""The bargain satisfies its equation, and says where there is none."""

import pytest
import torch

from balancers.solvers.bargaining import bargain
from tests.balancers.solvers.grid import gramians


@pytest.mark.parametrize("kind", ["regular", "spread", "friendly"])
@pytest.mark.parametrize("tasks", [1, 2, 3, 11, 40, 100])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 10.0])
def test_the_bargain_satisfies_its_equation(kind: str, tasks: int, alpha: float) -> None:
    for _, gramian in gramians(kind, tasks, 2 * tasks + 3):
        solution = bargain(gramian, alpha)
        assert solution.solved
        torch.testing.assert_close(
            (gramian @ solution.point) * solution.point ** (1 / alpha), torch.ones(tasks, dtype=torch.float64)
        )


@pytest.mark.parametrize("kind", ["strongly stationary", "weakly stationary"])
def test_where_there_is_no_bargain_the_way_out_is_no_update_and_is_counted(kind: str) -> None:
    for rows, gramian in gramians(kind, 4, 9):
        solution = bargain(gramian, 1.0)
        assert not solution.solved
        assert (solution.point @ rows).norm() < 1e-7 * (solution.point[:, None] * rows).norm()
