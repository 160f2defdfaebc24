"""Solvers meet the conditions of optimality, on Gramians of every kind and size, alone and in batches."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from balancers.contract.solution import Solution
from balancers.solvers.gramian import angles, bargain, conflict_averse, dual_cone, min_norm, simplex_qp
from tests.balancers.jacobians import KINDS, regular, spread
from tests.balancers.optimality import TOLERANCE, combined

SHAPES = [(2, 3), (3, 2), (5, 12), (11, 30), (40, 20), (40, 60)]


def gramians(kind: str, tasks: int, dimension: int) -> list[tuple[Tensor, Tensor]]:
    matrices = [KINDS[kind](tasks, dimension, seed) for seed in range(3)]
    return [(rows, rows @ rows.T) for rows in matrices]


def on_grid(test: Callable) -> Callable:
    return pytest.mark.parametrize("shape", SHAPES)(pytest.mark.parametrize("kind", KINDS)(test))


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


@on_grid
def test_a_projection_onto_the_dual_cone_meets_its_conditions(kind: str, shape: tuple) -> None:
    for rows, gramian in gramians(kind, *shape):
        references = torch.eye(len(rows), dtype=torch.float64)
        solution = dual_cone(gramian, references)
        assert solution.solved.all()
        for reference, weights in zip(references, solution.point, strict=True):
            added = weights - reference
            assert (added >= 0).all()
            _, products = combined(rows, weights)
            assert (products >= -TOLERANCE).all()
            assert (products <= TOLERANCE)[added > 0].all()


@on_grid
@pytest.mark.parametrize("radius", [0.1, 0.5, 0.9])
def test_no_update_in_the_ball_helps_the_worst_task_more(kind: str, shape: tuple, radius: float) -> None:
    for rows, gramian in gramians(kind, *shape):
        reference = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)
        solution = conflict_averse(gramian, reference, radius)
        assert solution.solved
        mean, added = reference @ rows, (solution.point - reference)
        assert (added >= 0).all()
        assert (added @ rows).norm() <= radius * mean.norm() * (1 + 1e-6)
        # Weak duality: no update in the ball has a larger minimum than g_w . g_0 + r |g_0| |g_w| for w on the simplex.
        shares = [added / added.sum() if added.sum() > 0 else reference, min_norm(gramian).point]
        bound = min((share @ rows) @ mean + radius * mean.norm() * (share @ rows).norm() for share in shares)
        reached = (rows @ (mean + added @ rows)).min()
        size = rows.norm(dim=-1).min() * mean.norm() * (1 + (added * rows.norm(dim=-1)).sum() / mean.norm())
        assert reached >= bound - 1e-6 * size


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
        assert solution.residual < 1e-8
    else:  # only bargaining may have no solution: where the hull of the gradients contains zero, to rounding
        assert name == "bargain"
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
