"""The conflict-averse update is as good as weak duality allows."""

import pytest
import torch

from balancers.solvers.conflict_averse import conflict_averse
from balancers.solvers.cosines import angles, hull_contains_zero
from balancers.solvers.min_norm import min_norm
from tests.balancers.solvers.grid import gramians, on_grid


@on_grid
@pytest.mark.parametrize("radius", [0.1, 0.5, 0.9])
def test_no_update_in_the_ball_helps_the_worst_task_more(kind: str, shape: tuple, radius: float) -> None:
    for rows, gramian in gramians(kind, *shape):
        reference = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)
        solution = conflict_averse(gramian, reference, radius)
        if not solution.solved:  # the projection onto the cone, which is certified where a better update may hide
            assert hull_contains_zero(angles(gramian).cosines)
        mean, added = reference @ rows, (solution.point - reference)
        assert (added >= 0).all()
        assert (added @ rows).norm() <= radius * mean.norm() * (1 + 1e-6)
        # Weak duality: no update in the ball has a larger minimum than g_w . g_0 + r |g_0| |g_w| for w on the simplex.
        shares = [added / added.sum() if added.sum() > 0 else reference, min_norm(gramian).point]
        bound = min((share @ rows) @ mean + radius * mean.norm() * (share @ rows).norm() for share in shares)
        reached = (rows @ (mean + added @ rows)).min()
        size = rows.norm(dim=-1).min() * mean.norm() * (1 + (added * rows.norm(dim=-1)).sum() / mean.norm())
        assert reached >= bound - 1e-6 * size
