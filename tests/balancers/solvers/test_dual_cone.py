"""Projections onto the dual cone meet their conditions of optimality."""

import torch

from balancers.solvers.cosines import angles, hull_contains_zero
from balancers.solvers.dual_cone import dual_cone
from tests.balancers.optimality import TOLERANCE, combined
from tests.balancers.solvers.grid import gramians, on_grid


@on_grid
def test_a_projection_onto_the_dual_cone_meets_its_conditions(kind: str, shape: tuple) -> None:
    for rows, gramian in gramians(kind, *shape):
        references = torch.eye(len(rows), dtype=torch.float64)
        solution = dual_cone(gramian, references)
        assert (solution.solved == ~hull_contains_zero(angles(gramian).cosines)).all()
        for reference, weights in zip(references, solution.point, strict=True):
            added = weights - reference
            assert (added >= 0).all()
            _, products = combined(rows, weights)
            assert (products >= -TOLERANCE).all()
            assert (products <= TOLERANCE)[added > 0].all()
