"""The shortest vector in the convex hull meets its conditions of optimality."""

import torch

from balancers.solvers.min_norm import min_norm
from tests.balancers.optimality import TOLERANCE, combined
from tests.balancers.solvers.grid import gramians, on_grid


@on_grid
def test_the_shortest_vector_of_the_hull_reaches_as_far_along_every_gradient(kind: str, shape: tuple) -> None:
    for rows, gramian in gramians(kind, *shape):
        solution = min_norm(gramian)
        assert solution.solved
        assert (solution.point >= 0).all()
        torch.testing.assert_close(solution.point.sum(), torch.ones((), dtype=torch.float64))
        total, products = combined(rows, solution.point)
        least = total.square().sum() / rows.norm(dim=-1) / (solution.point * rows.norm(dim=-1)).sum()
        assert (products >= least - TOLERANCE).all()
        assert (products <= least + TOLERANCE)[solution.point > 0].all()
