"""ConicGrad against its dual, a closed form for two tasks, and the methods whose directions it shares."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor

from balancers import Draws, create
from balancers.methods.conicgrad import ConicGrad
from balancers.solvers.conflict_averse import conflict_averse
from balancers.solvers.conic import steepest_in_cone
from balancers.solvers.min_norm import min_norm
from balancers.step.products import gramian_of
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, friendly, regular, strongly_stationary
from tests.balancers.witness import witness
from tests.references.cone import bound


def unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()


def least_bound(rows: np.ndarray, cosine: float) -> float:
    """The smallest upper bound that a search over the convex combinations finds."""

    def of(logits: np.ndarray) -> float:
        shares = np.exp(logits - logits.max())
        return bound(rows, shares / shares.sum(), cosine)

    starts = [np.zeros(len(rows)), *(3 * np.eye(len(rows)))]
    return min(
        minimize(of, start, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-12}).fun for start in starts
    )


@witness("conicgrad", "optimality")
@pytest.mark.parametrize("kind", ["regular", "friendly", "weakly stationary"])
@pytest.mark.parametrize("c", [0.0, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("tasks", [2, 3, 4])
def test_no_bound_leaves_room_above_the_smallest_decrease(tasks: int, c: float, kind: str) -> None:
    rows = KINDS[kind](tasks, 6, tasks)
    solution = ConicGrad(c).solve(evidence_from(rows), Draws.seeded(0))
    update, mean = solution.point @ rows, rows.mean(0)
    assert float(update.norm()) == pytest.approx(float(mean.norm()))
    assert float(unit(update) @ unit(mean)) >= c - 1e-7
    least = least_bound(rows.numpy(), c)
    decrease = float((rows @ update).min())
    if solution.solved:
        assert decrease == pytest.approx(least, rel=1e-4)
    else:
        assert least == pytest.approx(0, abs=1e-4)
        assert decrease <= 1e-9


@witness("conicgrad", "closed form")
@given(st.floats(0.05, 0.95), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_two_tasks_turn_the_mean_towards_the_one_that_lags(c: float, seed: int) -> None:
    rows = regular(2, 5, seed)
    mean = unit(rows.mean(0))
    lagging = rows[(rows @ mean).argmin()]
    beside = unit(lagging - lagging @ mean * mean)
    expected = c * mean + (1 - c**2) ** 0.5 * beside
    shortest = min_norm(gramian_of(rows)).point @ rows
    if unit(shortest) @ mean >= c:
        expected = unit(shortest)  # turned as far, the other task would be the one that lags
    solution = ConicGrad(c).solve(evidence_from(rows), Draws.seeded(0))
    if solution.solved:
        torch.testing.assert_close(unit(solution.point @ rows), expected, rtol=1e-5, atol=1e-5)
    else:
        assert (rows @ expected).min() <= 1e-7


@witness("conicgrad", "identity")
@pytest.mark.parametrize("kind", ["regular", "friendly", "spread"])
@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("tasks", [2, 4, 7])
def test_on_the_cones_surface_the_direction_is_cagrads_for_some_radius(tasks: int, share: float, kind: str) -> None:
    rows = KINDS[kind](tasks, 30, 1)
    gramian, mean = gramian_of(rows), torch.full((tasks,), 1 / tasks, dtype=torch.float64)
    widest = float(unit(min_norm(gramian).point @ rows) @ unit(mean @ rows))
    c = widest + share * (1 - widest)
    direction = unit(first_weights(ConicGrad(c), rows) @ rows)

    def cagrad(radius: float) -> Tensor:
        return unit(conflict_averse(gramian, mean, radius).point @ rows)

    low, high = 0.0, 100.0  # the larger the radius, the further is CAGrad's update from the mean
    for _ in range(60):
        radius = (low + high) / 2
        low, high = (radius, high) if cagrad(radius) @ unit(mean @ rows) > c else (low, radius)
    torch.testing.assert_close(direction, cagrad(low), rtol=1e-4, atol=1e-4)


@witness("conicgrad", "identity")
@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_a_wide_cone_gives_the_direction_of_mgda(tasks: int) -> None:
    rows = friendly(tasks, 12, seed=tasks)
    shortest = min_norm(gramian_of(rows)).point @ rows
    assert unit(shortest) @ unit(rows.mean(0)) > 0.3
    torch.testing.assert_close(unit(first_weights(ConicGrad(0.3), rows) @ rows), unit(shortest))


@pytest.mark.parametrize("c", [0.9999999, 0.999999999999])
def test_a_narrow_cone_gives_the_mean(c: float) -> None:
    rows = friendly(4, 12, seed=2)
    torch.testing.assert_close(first_weights(ConicGrad(c), rows) @ rows, rows.mean(0), rtol=1e-2, atol=1e-2)


def test_where_nothing_helps_all_the_update_is_cagrads_and_the_step_is_counted() -> None:
    rows = strongly_stationary(3, 6, seed=4)
    solution = ConicGrad(0.6).solve(evidence_from(rows), Draws.seeded(0))
    assert not solution.solved
    mean = torch.full((3,), 1 / 3, dtype=torch.float64)
    expected = conflict_averse(gramian_of(rows), mean, 0.8).point @ rows
    torch.testing.assert_close(unit(solution.point @ rows), unit(expected))


def test_the_update_does_not_jump_where_the_cone_begins_to_help_all() -> None:
    # Between the two cones below, the smallest decrease of the best direction changes its sign.
    rows = torch.tensor([[1.0, 0.0], [-0.5, 0.4]], dtype=torch.float64)
    gramian, mean = gramian_of(rows), torch.full((2,), 0.5, dtype=torch.float64)
    across = unit(torch.tensor([0.4, 0.5], dtype=torch.float64))  # orthogonal to the second gradient
    edge = float(across @ unit(mean @ rows))
    inside, outside = (steepest_in_cone(gramian, mean, edge + side) for side in (-1e-7, 1e-7))
    assert inside.solved
    assert not outside.solved
    torch.testing.assert_close(inside.point @ rows, outside.point @ rows, rtol=1e-4, atol=1e-5)


def test_gradients_that_cancel_leave_equal_weights() -> None:
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    assert first_weights(ConicGrad(), rows).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("c", [-0.1, 1.0, float("nan")])
def test_a_cosine_outside_its_range_is_refused(c: float) -> None:
    with pytest.raises(ValueError, match="expected c of at least 0 and below 1"):
        create("conicgrad", c=c)
