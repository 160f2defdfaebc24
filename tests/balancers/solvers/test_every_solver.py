"""What all solvers on Gramians have in common: batches, small certificates, and safety against rounding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balancers.contract.solution import Solution
from balancers.solvers.bargaining import bargain
from balancers.solvers.conflict_averse import conflict_averse
from balancers.solvers.cosines import angles
from balancers.solvers.dual_cone import dual_cone
from balancers.solvers.min_norm import min_norm
from tests.balancers.jacobians import KINDS, regular, spread

SOLVERS = {
    "min norm": min_norm,
    "dual cone": lambda g: _row(dual_cone(g, torch.ones(*g.shape[:-2], 1, g.shape[-1], dtype=g.dtype))),
    "conflict averse": lambda g: conflict_averse(g, torch.ones(g.shape[:-1], dtype=g.dtype), 0.4),
    "bargain": lambda g: bargain(g, 1.0),
}


def _row(solution: Solution) -> Solution:
    return Solution(solution.point.squeeze(-2), solution.residual.squeeze(-1), solution.solved.squeeze(-1))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_batch_is_solved_as_its_members_are(name: str) -> None:
    rows = torch.stack([KINDS[kind](5, 9, seed) for kind in KINDS for seed in range(2)]).reshape(3, 4, 5, 9)
    batch = rows @ rows.mT
    together = SOLVERS[name](batch)
    for i in range(3):
        for j in range(4):
            alone = SOLVERS[name](batch[i, j])
            assert alone.solved == together.solved[i, j]
            got, want = together.point[i, j] @ rows[i, j], alone.point @ rows[i, j]
            size = (alone.point[:, None] * rows[i, j]).norm()
            assert (got - want).norm() < 1e-6 * size


@pytest.mark.parametrize("name", SOLVERS)
@given(st.integers(2, 12), st.integers(1, 15), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_certificates_are_small_whatever_the_rank(name: str, tasks: int, dimension: int, seed: int) -> None:
    gramian = (rows := spread(tasks, dimension, seed)) @ rows.T
    solution = SOLVERS[name](gramian)
    assert solution.point.isfinite().all()
    if solution.solved:
        assert solution.residual < 1e-6
    else:  # only where the hull of the gradients contains zero, to rounding; its shortest vector is sure even there
        assert name != "min norm"
        unit = angles(gramian)
        shortest = min_norm(unit.cosines).point
        assert shortest @ unit.cosines @ shortest < 1e-6


def test_rounding_that_makes_a_gramian_indefinite_does_no_harm() -> None:
    rows = regular(8, 3, 0)
    noise = 1e-7 * regular(8, 8, 1)
    gramian = rows @ rows.T + noise + noise.T
    assert torch.linalg.eigvalsh(gramian).min() < 0
    for name in ("min norm", "dual cone", "conflict averse"):
        assert SOLVERS[name](gramian).point.isfinite().all()
    total = min_norm(gramian).point @ rows
    torch.testing.assert_close(total, min_norm(rows @ rows.T).point @ rows, rtol=0, atol=1e-3)
