"""The quadratic programme on the simplex meets its conditions of optimality."""

import pytest
import torch

from balancers.solvers.min_norm import min_norm
from balancers.solvers.simplex_qp import simplex_qp
from tests.balancers.jacobians import KINDS, regular
from tests.balancers.optimality import TOLERANCE


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "zero" not in kind])
@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 40])
def test_the_quadratic_programme_on_the_simplex_meets_its_conditions(tasks: int, kind: str) -> None:
    for seed in range(5):
        gramian = (rows := KINDS[kind](tasks, 2 * tasks, seed)) @ rows.T
        if not (gramian.diagonal() > 0).all():
            continue  # a single stationary gradient is zero
        linear = gramian @ torch.rand(tasks, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        solution = simplex_qp(gramian, linear)
        assert solution.solved
        slope = gramian @ solution.point + linear
        least = (solution.point * slope).sum()
        size = (gramian.abs() @ solution.point) + linear.abs() + least.abs()
        assert ((slope - least) / size >= -TOLERANCE).all()
        assert ((slope - least) / size <= TOLERANCE)[solution.point > 0].all()


def test_without_a_linear_term_the_programme_is_the_shortest_vector() -> None:
    gramian = (rows := regular(6, 9, 0)) @ rows.T
    torch.testing.assert_close(simplex_qp(gramian, torch.zeros(6).double()).point, min_norm(gramian).point)
