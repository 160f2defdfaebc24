"""PIVRG against its equation, closed forms, FairGrad, and the official rules for importances and weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from balancers import Balancer, Draws, Sizes, create, probe
from balancers.conformance import check
from balancers.methods.pivrg import PIVRG, PIVRGState
from balancers.solvers.bargaining import bargain
from tests.balancers.descent import STARTS, descend, distance_from_stationary
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, friendly, regular
from tests.balancers.witness import witness
from tests.references.pivrg import importance, percent_worse, pivrg

SOLVABLE = ["regular", "spread", "friendly"]  # where gradients are independent


def scored(scores: list[float], **hyperparameters: float) -> tuple[PIVRG, PIVRGState]:
    method = PIVRG(**hyperparameters)
    return method, method.after_validation(torch.tensor(scores, dtype=torch.float64), method.init(Sizes(len(scores))))


def weights_of(rows: Tensor, scores: list[float], **hyperparameters: float) -> Tensor:
    method, state = scored(scores, **hyperparameters)
    return method.update(evidence_from(rows), state, Draws.seeded(0))[0]


@witness("pivrg", "closed form")
@pytest.mark.parametrize("norms", [(1.0, 1.0), (1e-3, 1e3)])
def test_orthogonal_gradients_have_weights_that_are_powers_of_importance_and_norm(norms: tuple[float, float]) -> None:
    rows = torch.diag(torch.tensor(norms, dtype=torch.float64))
    method, state = scored([-100.0, 100.0])
    important = method.importance(state)
    torch.testing.assert_close(important, torch.tensor([4 / 3, 2 / 3], dtype=torch.float64))
    expected = (important / rows.diagonal() ** 4) ** (1 / 3)
    torch.testing.assert_close(weights_of(rows, [-100.0, 100.0]), expected)


@witness("pivrg", "optimality")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("tasks", [1, 2, 5, 12])
def test_every_gain_is_the_root_of_importance_over_weight(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 2 * tasks + 3, 1)
    scores = torch.linspace(-30, 40, tasks).tolist()
    method, state = scored(scores, bound=5.0)
    weights = weights_of(rows, scores, bound=5.0)
    assert (weights > 0).all()
    gains = rows @ (weights @ rows)
    ones = torch.ones(tasks, dtype=torch.float64)
    torch.testing.assert_close(gains * (weights / method.importance(state)).sqrt(), ones)


@witness("pivrg", "transcription")
@given(
    st.lists(st.floats(-200, 100), min_size=1, max_size=9),
    st.floats(1.1, 10.0),
    st.floats(0.1, 100.0),
)
@settings(max_examples=100, deadline=None)
def test_importances_are_the_official_ones(scores: list[float], bound: float, coldest: float) -> None:
    method, state = scored(scores, bound=bound, min_temperature=coldest)
    expected = importance(-np.array(scores), bound, coldest)
    np.testing.assert_allclose(method.importance(state).numpy(), expected, rtol=1e-9)


@witness("pivrg", "transcription")
@pytest.mark.parametrize("kind", ["regular", "friendly"])
@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 8])
def test_weights_are_the_official_ones_where_the_problem_is_well_scaled(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 20, tasks)
    values, baselines = torch.linspace(0.3, 0.9, tasks).tolist(), [0.5] * tasks
    worse = percent_worse(values, baselines, [bool(task % 2) for task in range(tasks)])
    expected = pivrg(rows.numpy(), importance(worse, 2.0, 10.0))
    np.testing.assert_allclose(weights_of(rows, (-worse).tolist()).numpy(), expected, rtol=1e-6)


@witness("pivrg", "identity")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scores", [None, [-7.0] * 5])
def test_without_scores_and_with_equal_ones_it_is_fairgrad(kind: str, scores: list[float] | None) -> None:
    rows = KINDS[kind](5, 20, 4)
    weights = first_weights(create("pivrg"), rows) if scores is None else weights_of(rows, scores)
    torch.testing.assert_close(weights, first_weights(create("fairgrad"), rows))


@witness("pivrg", "identity")
def test_it_is_fairgrad_with_the_importances_for_a_preference_and_fairgrad_of_losses_divided_by_them() -> None:
    rows, scores = regular(4, 9, 1), [-30.0, 0.0, 10.0, 25.0]
    method, state = scored(scores)
    important = method.importance(state)
    preferred = first_weights(create("fairgrad", preference=important.tolist()), rows)
    torch.testing.assert_close(weights_of(rows, scores), preferred)
    divided = rows / important[:, None]
    torch.testing.assert_close(preferred @ rows, first_weights(create("fairgrad"), divided) @ divided)


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=9), st.floats(1.01, 10.0))
@settings(max_examples=60, deadline=None)
def test_no_task_is_more_important_than_another_beyond_the_bound(scores: list[float], bound: float) -> None:
    method, state = scored(scores, bound=bound, min_temperature=1e-3)
    important = method.importance(state)
    torch.testing.assert_close(important.sum().item(), float(len(scores)))
    assert important.max() <= bound * important.min() * (1 + 1e-12)
    order = torch.tensor(scores, dtype=torch.float64).argsort()
    assert (important[order].diff() <= 1e-12).all()


def test_tasks_without_a_score_have_importance_one_beside_the_others() -> None:
    method, state = scored([-20.0, 5.0, 0.0])
    state = state._replace(scored=torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(method.importance(state).tolist(), [4 / 3, 2 / 3, 1.0])
    assert method.importance(method.init(Sizes(3))).tolist() == [1.0, 1.0, 1.0]


def test_replicas_have_scores_of_their_own() -> None:
    method = create("pivrg")
    scores = torch.tensor([[-50.0, 0.0, 20.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    rows = torch.stack([regular(3, 8, 1), regular(3, 8, 2)])
    state = method.after_validation(scores, method.init(Sizes(3, batch=(2,))))
    together, _ = method.update(evidence_from(rows), state, Draws.seeded(0, (2,)))
    assert isinstance(together, Tensor)
    for got, row, own in zip(together, rows, scores, strict=True):
        torch.testing.assert_close(got, weights_of(row, own.tolist()))


def test_absent_tasks_keep_their_scores_and_the_others_are_compared_among_themselves() -> None:
    point = torch.ones(3, dtype=torch.float64, requires_grad=True)
    balancer = Balancer("pivrg", ["a", "b", "c"])
    balancer.after_validation([-1000.0, -20.0, 5.0])
    weights = balancer.backward({"b": point[1], "c": point[2]}, shared=[point])
    torch.testing.assert_close(weights.tolist(), [0.0, (4 / 3) ** (1 / 3), (2 / 3) ** (1 / 3)])
    assert balancer.state_dict()["state_scores"].tolist() == [-1000.0, -20.0, 5.0]


def test_scores_survive_a_checkpoint() -> None:
    balancer, other = Balancer("pivrg", 2), Balancer("pivrg", 2)
    balancer.after_validation([3.0, -3.0])
    other.load_state_dict(balancer.state_dict())
    points = [torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    weights = [each.backward([p[0], p[1]], shared=[p]) for each, p in zip((balancer, other), points, strict=True)]
    assert torch.equal(*weights)
    assert weights[0][1] > weights[0][0]


@pytest.mark.parametrize("kind", ["strongly stationary", "weakly stationary"])
def test_where_some_gradients_cancel_the_certificate_says_no_and_there_is_no_update(kind: str) -> None:
    for seed in range(1, 6):
        rows = KINDS[kind](5, 20, seed)
        important = torch.tensor([0.6, 0.8, 1.0, 1.2, 1.4], dtype=torch.float64)
        solution = bargain(rows @ rows.T, 2.0, preference=important)
        assert not solution.solved
        terms = solution.point[:, None] * rows
        assert terms.sum(0).norm() < 1e-9 * terms.norm()


def test_such_steps_are_counted() -> None:
    balancer = Balancer("pivrg", 2)
    balancer.after_validation([3.0, -30.0])
    point = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    balancer.backward([(point - 1).square().sum(), (point + 1).square().sum()], shared=[point])
    assert balancer.certificate is not None
    assert balancer.certificate.fallbacks == 1
    assert point.grad is not None
    assert point.grad.abs() < 1e-12


def test_clipping_shortens_the_update_and_keeps_its_direction() -> None:
    rows = 0.01 * friendly(5, 12, 1)
    scores = [-10.0, 0.0, 10.0, 20.0, 30.0]
    plain, clipped = weights_of(rows, scores), weights_of(rows, scores, max_norm=1.0)
    assert (plain @ rows).norm() > 1
    torch.testing.assert_close((clipped @ rows).norm().item(), 1.0)
    torch.testing.assert_close(clipped / clipped.sum(), plain / plain.sum())
    assert create("pivrg", max_norm=1.0).degree is None


@pytest.mark.parametrize("hyperparameters", [{"bound": 1.001}, {"bound": 100.0, "min_temperature": 1e-3}])
def test_it_keeps_its_promises_for_other_hyperparameters_too(hyperparameters: dict) -> None:
    assert [result for result in check(create("pivrg", **hyperparameters)) if not result.passed] == []


@pytest.mark.parametrize("start", STARTS)
def test_clipped_gradient_descent_ends_on_the_pareto_set(start: tuple[float, float]) -> None:
    assert distance_from_stationary(descend(start, create("pivrg", max_norm=1.0))) < 0.05


def test_a_probe_wants_a_score_for_every_task() -> None:
    with pytest.raises(ValueError, match="expected 2 scores, one per task"):
        probe("pivrg", gradients=[[1, 0], [0, 1]], losses=[1, 1], scores=[1, 2, 3])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"bound": 1.0}, "pivrg: expected a finite bound above 1, got 1.0"),
        ({"bound": float("inf")}, "pivrg: expected a finite bound above 1, got inf"),
        ({"min_temperature": 0.0}, "pivrg: expected a positive min_temperature, got 0.0"),
        ({"max_norm": 0.0}, "pivrg: expected max_norm to be positive or None, got 0.0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("pivrg", **bad)
