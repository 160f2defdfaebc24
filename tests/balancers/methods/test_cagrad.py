"""CAGrad against its dual, the solution in the plane, the official solver, TorchJD, and the methods at its ends."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import CAGradWeighting

from balancers import Balancer, Claim, create
from balancers.conformance import check
from balancers.solvers.cosines import angles, hull_contains_zero
from balancers.step.products import gramian_of
from tests.balancers.descent import CENTRES, CURVATURES, STARTS, descend
from tests.balancers.jacobians import KINDS, first_weights, friendly, regular, strongly_stationary, weakly_stationary
from tests.balancers.optimality import unit
from tests.balancers.witness import witness
from tests.references.cagrad import cagrad, dual


def update(rows: Tensor, c: float, rescale: int = 0) -> Tensor:
    return first_weights(create("cagrad", c=c, rescale=rescale), rows) @ rows


def of_two(first: Tensor, second: Tensor, c: float) -> Tensor:
    """The best of the ball for two tasks: one of them lags behind whatever is done, or both gain alike."""
    mean = (first + second) / 2
    radius = c * mean.norm()
    for one, other in ((first, second), (second, first)):
        straight = mean + radius * unit(one)
        if one @ straight <= other @ straight:
            return straight
    difference = first - second
    level = (mean @ difference) / difference.square().sum() * difference  # what to take off for equal gains
    beside = unit(first - (first @ difference) / difference.square().sum() * difference)
    return mean - level + (radius**2 - level.square().sum()).sqrt() * beside


@witness("cagrad", "closed form")
@pytest.mark.parametrize("kind", ["regular", "friendly", "spread"])
@given(st.floats(0.01, 0.99), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_two_tasks_have_the_solution_in_their_plane(kind: str, c: float, seed: int) -> None:
    rows = KINDS[kind](2, 5, seed)
    size = rows.mean(0).norm().item()
    torch.testing.assert_close(update(rows, c), of_two(rows[0], rows[1], c), rtol=0, atol=1e-6 * size)


@witness("cagrad", "closed form")
@pytest.mark.parametrize("tasks", [2, 3, 10])
@pytest.mark.parametrize("c", [0.0, 0.4, 2.0])
def test_orthogonal_gradients_of_one_norm_have_a_longer_mean(tasks: int, c: float) -> None:
    weights = first_weights(create("cagrad", c=c), 7 * torch.eye(tasks, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.full((tasks,), (1 + c) / tasks, dtype=torch.float64))


@witness("cagrad", "optimality")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tasks", "dimension"), [(2, 5), (3, 2), (9, 30), (40, 60)])
@pytest.mark.parametrize("c", [0.1, 0.5, 0.9])
def test_no_update_in_the_ball_helps_the_worst_task_more(kind: str, tasks: int, dimension: int, c: float) -> None:
    for seed in range(3):
        rows = KINDS[kind](tasks, dimension, seed)
        weights = first_weights(create("cagrad", c=c), rows)
        update, mean = weights @ rows, rows.mean(0)
        assert (weights >= 1 / tasks - 1e-15).all()
        assert (update - mean).norm() <= c * mean.norm() * (1 + 1e-9)
        # Weak duality: any shares bound the minimum, and some bound it tightly: those found, or at a Pareto stationary
        # point those of the shortest vector, which bound it by 0.
        shares = [first_weights(create("mgda"), rows), weights - 1 / tasks]
        shares = [share / share.sum() for share in shares if share.sum() > 0]
        bounds = [dual(share.numpy(), rows.numpy(), c) for share in shares]
        tightest = shares[int(np.argmin(bounds))]
        size = (tightest * rows.norm(dim=-1)).sum() * (weights * rows.norm(dim=-1)).sum()
        assert (rows @ update).min() >= min(bounds) - 1e-8 * size


@witness("cagrad", "optimality")
def test_three_gradients_in_a_plane_that_hardly_agree_are_no_stationary_point() -> None:
    # All losses can fall, but the shortest vector in the hull is a hundred times shorter than the gradients.
    rows = torch.tensor([[1.5137, 1.0854], [-0.8865, -0.6120], [-0.5012, 0.5100]], dtype=torch.float64)
    gains = rows @ update(rows, c=0.9)
    assert gains.min() > 0.005
    torch.testing.assert_close(gains[0], gains[1])


@witness("cagrad", "transcription")
@pytest.mark.parametrize("kind", ["regular", "deficient", "strongly stationary", "friendly"])
@pytest.mark.parametrize("tasks", [2, 3, 5, 8])
@pytest.mark.parametrize("c", [0.1, 0.4, 0.9])
def test_it_is_the_papers_algorithm(kind: str, tasks: int, c: float) -> None:
    rows = KINDS[kind](tasks, 12, tasks)
    expected = cagrad(rows.numpy(), c)
    np.testing.assert_allclose(update(rows, c).numpy(), expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@witness("cagrad", "torchjd")
@pytest.mark.parametrize("kind", ["regular", "deficient", "spread", "friendly"])
@pytest.mark.parametrize("tasks", [1, 2, 5, 9])
@pytest.mark.parametrize("c", [0.4, 0.9])
def test_it_is_torchjds_to_the_accuracy_of_its_solver(kind: str, tasks: int, c: float) -> None:
    rows = KINDS[kind](tasks, 20, 3)
    theirs = CAGradWeighting(c, norm_eps=1e-9)(rows @ rows.T) @ rows
    assert (update(rows, c) - theirs).norm() <= 1e-3 * theirs.norm()


@pytest.mark.parametrize("scale", [1e-6, 1e-12])
def test_small_gradients_are_not_taken_for_a_stationary_point_as_by_torchjd(scale: float) -> None:
    rows = regular(4, 9, 0)
    assert (CAGradWeighting(0.4)(scale * rows @ (scale * rows).T) == 0).all()
    torch.testing.assert_close(update(scale * rows, 0.4) / scale, update(rows, 0.4))


@witness("cagrad", "identity")
@pytest.mark.parametrize("kind", KINDS)
def test_a_c_of_zero_is_the_mean(kind: str) -> None:
    assert (first_weights(create("cagrad", c=0.0), KINDS[kind](5, 9, 0)) == 0.2).all()


@witness("cagrad", "identity")
@pytest.mark.parametrize("tasks", [2, 3, 7])
def test_a_large_c_has_the_direction_of_mgda(tasks: int) -> None:
    rows = regular(tasks, 20, tasks)
    shortest = first_weights(create("mgda"), rows) @ rows
    torch.testing.assert_close(unit(update(rows, c=1e7)), unit(shortest), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rescale", "divisor"), [(1, 1 + 0.6**2), (2, 1 + 0.6)])
def test_rescaling_divides_all_weights(rescale: int, divisor: float) -> None:
    rows = regular(5, 12, 2)
    expected = first_weights(create("cagrad", c=0.6), rows) / divisor
    torch.testing.assert_close(first_weights(create("cagrad", c=0.6, rescale=rescale), rows), expected)


def test_where_the_hull_holds_zero_the_update_is_the_nearest_to_the_mean_that_harms_nobody() -> None:
    rows = weakly_stationary(3, 12, 2)
    cone = first_weights(create("dualproj"), rows) @ rows
    assert (cone - rows.mean(0)).norm() < 0.9 * rows.mean(0).norm()
    torch.testing.assert_close(update(rows, c=0.9), cone)


def test_from_a_c_of_one_on_no_update_conflicts() -> None:
    rows = strongly_stationary(4, 9, 0)
    assert (rows @ update(rows, c=0.99)).min() < 0
    assert (rows @ update(rows, c=1.0)).min() > -1e-9
    assert Claim.NON_CONFLICTING in create("cagrad", c=1.0).claims
    assert Claim.NON_CONFLICTING not in create("cagrad", c=0.99).claims


@pytest.mark.parametrize("hyperparameters", [{"c": 1.0}, {"c": 3.0, "rescale": 2}])
def test_it_keeps_its_promises_for_other_hyperparameters_too(hyperparameters: dict) -> None:
    assert [result for result in check(create("cagrad", **hyperparameters)) if not result.passed] == []


def test_a_task_with_a_gradient_of_zero_has_no_say_but_in_the_mean() -> None:
    rows = regular(3, 6, 1)
    with_zero = torch.cat([rows, torch.zeros(2, 6, dtype=torch.float64)])
    torch.testing.assert_close(update(with_zero, 0.5), update(rows, 0.5) * 3 / 5)


def test_gradients_whose_mean_is_zero_have_equal_weights() -> None:
    rows = torch.tensor([[1.0, 2.0], [-1.0, -2.0]], dtype=torch.float64)
    assert first_weights(create("cagrad"), rows).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c", [0.4, 2.0])
def test_every_problem_but_at_stationary_points_is_solved(kind: str, c: float) -> None:
    balancer = Balancer("cagrad", 6, c=c)
    point = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    problems = [KINDS[kind](6, 10, seed) for seed in range(5)]
    for rows in problems:
        balancer.backward(rows @ point, shared=[point])
    assert balancer.certificate is not None
    stationary = [bool(hull_contains_zero(angles(gramian_of(rows)).cosines)) for rows in problems]
    assert balancer.certificate.fallbacks == sum(stationary)
    assert balancer.certificate.residual < 1e-8


@pytest.mark.parametrize("start", STARTS)
def test_gradient_descent_ends_at_the_minimum_of_the_mean_loss(start: tuple[float, float]) -> None:
    best = (CURVATURES * CENTRES).sum(0) / CURVATURES.sum(0)
    torch.testing.assert_close(descend(start, create("cagrad")), best, rtol=0, atol=1e-4)


def test_two_gradients_that_agree_are_followed_further() -> None:
    rows = friendly(1, 5, 0).expand(2, 5)
    torch.testing.assert_close(update(rows, 0.5), 1.5 * rows[0])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"c": -0.1}, "cagrad: expected a finite c of at least 0, got -0.1"),
        ({"c": float("inf")}, "cagrad: expected a finite c of at least 0, got inf"),
        ({"c": float("nan")}, "cagrad: expected a finite c of at least 0, got nan"),
        ({"rescale": 3}, "cagrad: expected rescale to be 0, 1 or 2, got 3"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("cagrad", **bad)
