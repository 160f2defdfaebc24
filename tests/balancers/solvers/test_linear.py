"""Linear programmes on the simplex against another solver, their conditions, and programmes without a solution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import Tensor

from balancers.solvers.linear import LinearProgramme, maximise
from tests.balancers.jacobians import KINDS, regular


def random_programme(kind: str, tasks: int, seed: int) -> LinearProgramme:
    """Gains of a random direction; half the bounds are 0, some are below, some are none."""
    rows = KINDS[kind](tasks, 9, seed)
    gramian = rows @ rows.mT
    along = gramian @ regular(1, tasks, seed)[0]
    bounds = torch.where(along > 0, -torch.inf, along)
    bounds[::2] = 0
    return LinearProgramme(along, gramian, bounds)


def gain_of_highs(programme: LinearProgramme) -> float | None:
    """The largest gain by another solver; None if it finds no point."""
    gains, matrix, bounds = (part.numpy() for part in programme)
    rows, floors = matrix[np.isfinite(bounds)], bounds[np.isfinite(bounds)]
    scales = np.abs(rows).max(axis=1)
    size = np.abs(gains).max()
    solution = linprog(
        -gains / size,
        A_ub=-rows / scales[:, None],
        b_ub=-floors / scales,
        A_eq=np.ones((1, len(gains))),
        b_eq=[1.0],
        bounds=(0, None),
    )
    return -solution.fun * size if solution.status == 0 else None


def violation(programme: LinearProgramme, point: Tensor) -> float:
    """The largest violation of a bound, in the size of its terms."""
    bounded = programme.bounds.isfinite()
    matrix, floors = programme.matrix[bounded], programme.bounds[bounded]
    return ((floors - matrix @ point).clamp(min=0) / (matrix.abs() @ point + floors.abs())).amax().item()


@given(st.sampled_from(["regular", "friendly", "weakly stationary"]), st.integers(2, 12), st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_no_other_solver_finds_a_larger_gain(kind: str, tasks: int, seed: int) -> None:
    programme = random_programme(kind, tasks, seed)
    expected = gain_of_highs(programme)
    solution = maximise(programme)
    if expected is None or not solution.solved:
        return
    assert solution.residual < 1e-8
    assert (solution.point >= 0).all()
    torch.testing.assert_close(solution.point.sum().item(), 1.0)
    assert violation(programme, solution.point) < 1e-8
    size = programme.gains.abs().amax().item()
    assert (programme.gains @ solution.point).item() >= expected - 1e-6 * size


@pytest.mark.parametrize("kind", ["regular", "friendly"])
@pytest.mark.parametrize("tasks", [1, 2, 5, 9])
def test_programmes_of_independent_gradients_are_solved(kind: str, tasks: int) -> None:
    for seed in range(20):
        solution = maximise(random_programme(kind, tasks, seed))
        assert solution.solved
        assert solution.residual < 1e-10


def test_gradients_over_twelve_decades_are_solved() -> None:
    for seed in range(20):
        programme = random_programme("regular", 4, seed)
        norms = 10.0 ** torch.tensor([-6.0, 0, 3, 6], dtype=torch.float64)
        scaled = LinearProgramme(
            programme.gains * norms, norms[:, None] * programme.matrix * norms, programme.bounds * norms
        )
        solution = maximise(scaled)
        assert solution.solved
        assert violation(scaled, solution.point) < 1e-8


def test_bounds_that_no_point_meets_leave_it_unsolved() -> None:
    matrix = torch.tensor([[1.0, -1.0], [-1.0, 0.5]], dtype=torch.float64)  # x >= y and y >= 2 x
    solution = maximise(
        LinearProgramme(torch.ones(2, dtype=torch.float64), matrix, torch.zeros(2, dtype=torch.float64))
    )
    assert not solution.solved
    assert solution.residual > 0.1
    torch.testing.assert_close(solution.point.sum().item(), 1.0)


def test_a_point_that_meets_the_bounds_exactly_is_found() -> None:
    matrix = torch.tensor([[1.0, -2.0], [-0.5, 1.0]], dtype=torch.float64)  # x >= 2 y and 2 y >= x
    gains = torch.tensor([0.0, 1.0], dtype=torch.float64)
    solution = maximise(LinearProgramme(gains, matrix, torch.zeros(2, dtype=torch.float64)))
    assert solution.solved
    torch.testing.assert_close(solution.point, torch.tensor([2.0, 1.0], dtype=torch.float64) / 3)


def test_without_bounds_the_largest_gain_takes_all() -> None:
    gains = regular(3, 5, 0)
    none = torch.full((3, 2), -torch.inf, dtype=torch.float64)
    solution = maximise(LinearProgramme(gains, torch.ones(3, 2, 5, dtype=torch.float64), none))
    assert solution.solved.all()
    assert (solution.point == torch.nn.functional.one_hot(gains.argmax(-1), 5)).all()


def test_programmes_in_a_batch_are_solved_as_each_alone() -> None:
    alone = [random_programme("regular", 4, seed) for seed in range(12)]
    together = maximise(
        LinearProgramme(*(torch.stack(parts).unflatten(0, (3, 4)) for parts in zip(*alone, strict=True)))
    )
    for programme, point in zip(alone, together.point.flatten(0, 1), strict=True):
        torch.testing.assert_close(point, maximise(programme).point)
