"""FairGrad against its equation, closed forms, the official least squares, TorchJD, and the methods at its ends."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import FairGradWeighting

from balancers import Balancer, Draws, create
from balancers.conformance import check
from balancers.methods.fairgrad import FairGrad
from tests.balancers.descent import STARTS, descend, distance_from_stationary
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, friendly, regular, spread
from tests.balancers.network import small_network
from tests.balancers.optimality import unit
from tests.balancers.witness import witness
from tests.references.fairgrad import fairgrad

ALPHAS = [0.3, 0.5, 1.0, 2.0, 5.0]
SOLVABLE = ["regular", "spread", "friendly"]  # where gradients are independent


def update(rows: Tensor, alpha: float) -> Tensor:
    return first_weights(create("fairgrad", alpha=alpha), rows) @ rows


@witness("fairgrad", "closed form")
@pytest.mark.parametrize("alpha", [0.1, *ALPHAS, 100.0])
@pytest.mark.parametrize("tasks", [1, 3, 20])
def test_orthogonal_gradients_have_weights_that_are_powers_of_their_norms(alpha: float, tasks: int) -> None:
    norms = 10 ** torch.linspace(-3, 3, tasks, dtype=torch.float64)
    weights = first_weights(create("fairgrad", alpha=alpha), torch.diag(norms))
    torch.testing.assert_close(weights, norms ** (-2 * alpha / (1 + alpha)), rtol=1e-7, atol=0)


@witness("fairgrad", "closed form")
@given(st.floats(-0.999, 1.0), st.floats(1e-6, 1e6), st.sampled_from(ALPHAS))
@settings(max_examples=60, deadline=None)
def test_two_gradients_of_one_norm_have_equal_weights(cosine: float, norm: float, alpha: float) -> None:
    rows = norm * torch.tensor([[1.0, 0.0], [cosine, (1 - cosine**2) ** 0.5]], dtype=torch.float64)
    expected = torch.full((2,), (norm**2 * (1 + cosine)) ** (-alpha / (1 + alpha)), dtype=torch.float64)
    torch.testing.assert_close(first_weights(create("fairgrad", alpha=alpha), rows), expected, rtol=1e-6, atol=0)


@witness("fairgrad", "optimality")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("tasks", [1, 2, 5, 40])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 5.0])
def test_every_gain_is_the_power_of_its_weight(kind: str, tasks: int, alpha: float) -> None:
    rows = KINDS[kind](tasks, 2 * tasks + 3, 1)
    weights = first_weights(create("fairgrad", alpha=alpha), rows)
    assert (weights > 0).all()
    gains = rows @ (weights @ rows)
    torch.testing.assert_close(gains * weights ** (1 / alpha), torch.ones(tasks, dtype=torch.float64))


@witness("fairgrad", "optimality")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_no_update_of_the_same_length_is_fairer(kind: str, alpha: float) -> None:
    rows = KINDS[kind](4, 9, 2)
    best = update(rows, alpha)

    def utility(direction: Tensor) -> Tensor:
        return ((rows @ direction) ** (1 - alpha) / (1 - alpha)).sum()

    for seed in range(50):
        other = unit(best + 10.0 ** -(seed % 5) * regular(1, 9, seed)[0]) * best.norm()
        assert (rows @ other <= 0).any() or utility(other) < utility(best)


@witness("fairgrad", "transcription")
@pytest.mark.parametrize("kind", ["regular", "friendly"])
@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_it_is_the_official_solution_where_the_problem_is_well_scaled(kind: str, tasks: int, alpha: float) -> None:
    rows = KINDS[kind](tasks, 20, tasks)
    weights = first_weights(create("fairgrad", alpha=alpha), rows)
    np.testing.assert_allclose(weights.numpy(), fairgrad(rows.numpy(), alpha), rtol=1e-7)


@witness("fairgrad", "torchjd")
@pytest.mark.parametrize("kind", ["regular", "friendly"])
@pytest.mark.parametrize("tasks", [1, 2, 5, 9])
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_it_is_torchjds_where_the_problem_is_well_scaled(kind: str, tasks: int, alpha: float) -> None:
    rows = KINDS[kind](tasks, 20, 3)
    expected = FairGradWeighting(alpha)(rows @ rows.T)
    torch.testing.assert_close(first_weights(create("fairgrad", alpha=alpha), rows), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["small", "spread"])
def test_it_meets_its_equation_where_torchjd_does_not(kind: str) -> None:
    rows = spread(5, 12, 2) if kind == "spread" else 1e-6 * regular(5, 12, 0)
    gramian = rows @ rows.T
    ours, theirs = first_weights(create("fairgrad"), rows), FairGradWeighting(2.0)(gramian)
    ones = torch.ones(5, dtype=torch.float64)
    torch.testing.assert_close((gramian @ ours) * ours**0.5, ones)
    assert ((gramian @ theirs) * theirs**0.5 - 1).abs().max() > 0.1


@witness("fairgrad", "identity")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [1, 2, 7])
def test_an_alpha_of_one_is_nash_bargaining(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 20, 4)
    weights = first_weights(create("fairgrad", alpha=1.0), rows)
    torch.testing.assert_close(weights, first_weights(create("nash-mtl"), rows))


@witness("fairgrad", "identity")
@pytest.mark.parametrize("tasks", [2, 4, 9])
def test_a_large_alpha_has_the_direction_of_mgda(tasks: int) -> None:
    rows = regular(tasks, 12, tasks)
    shortest = first_weights(create("mgda"), rows) @ rows
    torch.testing.assert_close(unit(update(rows, alpha=1e4)), unit(shortest), rtol=1e-2, atol=1e-3)


@witness("fairgrad", "identity")
def test_where_no_task_is_ahead_of_all_others_a_large_alpha_makes_gains_equal() -> None:
    rows = regular(5, 30, 2)
    assert (first_weights(create("mgda"), rows) > 0).all()
    gains = rows @ update(rows, alpha=1e4)
    torch.testing.assert_close(gains, torch.ones(5, dtype=torch.float64), rtol=1e-3, atol=0)


def test_a_task_that_is_ahead_whatever_is_done_loses_its_weight_with_a_large_alpha() -> None:
    rows = torch.tensor([[1.0, 0.0], [10.0, 0.0]], dtype=torch.float64)
    weights = first_weights(create("fairgrad", alpha=50.0), rows)
    assert weights[1] < 1e-40
    torch.testing.assert_close(weights[0].item(), 1.0)


@pytest.mark.parametrize("alpha", [0.1, *ALPHAS, 10.0])
@pytest.mark.parametrize("scale", [1e-6, 1e3])
def test_the_scale_of_the_losses_counts_by_its_power(alpha: float, scale: float) -> None:
    rows = regular(4, 12, 3)
    expected = scale ** ((1 - alpha) / (1 + alpha)) * update(rows, alpha)
    torch.testing.assert_close(update(scale * rows, alpha), expected)
    assert create("fairgrad", alpha=alpha).degree == (1 - alpha) / (1 + alpha)


@pytest.mark.parametrize(("alpha", "max_norm"), [(0.1, None), (10.0, None), (2.0, 1.0)])
def test_it_keeps_its_promises_for_other_hyperparameters_too(alpha: float, max_norm: float | None) -> None:
    results = check(create("fairgrad", alpha=alpha, max_norm=max_norm))
    assert [result for result in results if not result.passed] == []


def test_clipping_shortens_the_update_and_keeps_its_direction() -> None:
    rows = 0.01 * regular(5, 12, 1)
    plain = first_weights(create("fairgrad"), rows)
    clipped = first_weights(create("fairgrad", max_norm=1.0), rows)
    assert (plain @ rows).norm() > 1
    torch.testing.assert_close((clipped @ rows).norm().item(), 1.0)
    torch.testing.assert_close(clipped / clipped.sum(), plain / plain.sum())
    assert torch.equal(first_weights(create("fairgrad", max_norm=1e6), rows), plain)
    assert create("fairgrad", max_norm=1.0).degree is None


def test_a_task_with_a_gradient_of_zero_takes_no_part() -> None:
    rows = regular(4, 6, 1)
    rows[2] = 0
    weights = first_weights(create("fairgrad"), rows)
    others = torch.tensor([0, 1, 3])
    assert weights[2] == 0
    torch.testing.assert_close(weights[others], first_weights(create("fairgrad"), rows[others]))


@pytest.mark.parametrize("alpha", [0.1, 2.0, 20.0])
def test_a_pareto_stationary_step_gives_no_update_and_is_counted(alpha: float) -> None:
    point = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    balancer = Balancer("fairgrad", 2, alpha=alpha)
    for place, fallbacks in ((0.0, 1), (2.0, 1), (-0.5, 2)):
        point.grad = None
        with torch.no_grad():
            point.fill_(place)
        balancer.backward([(point - 1).square().sum(), (point + 1).square().sum()], shared=[point])
        assert balancer.certificate is not None
        assert balancer.certificate.fallbacks == fallbacks
        assert balancer.certificate.residual < 1e-8
        assert point.grad is not None
        assert bool(point.grad.abs() < 1e-12) is (place != 2)


@pytest.mark.parametrize("kind", ["strongly stationary", "weakly stationary"])
@pytest.mark.parametrize("alpha", [0.1, 2.0, 20.0])
def test_where_some_gradients_cancel_there_is_no_solution(kind: str, alpha: float) -> None:
    for seed in range(1, 11):
        rows = KINDS[kind](5, 20, seed)
        solution = FairGrad(alpha).solve(evidence_from(rows), Draws.seeded(0))
        assert not solution.solved
        terms = solution.point[:, None] * rows
        assert terms.sum(0).norm() < 1e-9 * terms.norm()


@pytest.mark.parametrize("alpha", [0.1, 0.5, 2.0, 10.0, 100.0])
@pytest.mark.parametrize("tasks", [2, 5, 12])
def test_norms_over_six_decades_are_no_reason_to_find_nothing(alpha: float, tasks: int) -> None:
    for seed in range(5):
        rows = spread(tasks, 20, seed)
        solution = FairGrad(alpha).solve(evidence_from(rows), Draws.seeded(0))
        assert solution.solved
        gains, update = rows @ (solution.point @ rows), solution.point @ rows
        assert (gains >= -1e-12 * rows.norm(dim=1) * (solution.point * rows.norm(dim=1)).sum()).all()
        torch.testing.assert_close(update.square().sum(), (solution.point ** (1 - 1 / alpha)).sum(), rtol=1e-6, atol=0)


def test_heads_follow_their_own_loss() -> None:
    network = small_network()
    sum(network.losses()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    plain = network.take_gradients()
    Balancer("fairgrad", 3).backward(network.losses(), shared=network.encoder.parameters())
    gradients = network.take_gradients()
    first_head = len(list(network.encoder.parameters()))
    torch.testing.assert_close(gradients[first_head], plain[first_head])


@pytest.mark.parametrize("start", STARTS)
def test_clipped_gradient_descent_ends_on_the_pareto_set(start: tuple[float, float]) -> None:
    assert distance_from_stationary(descend(start, create("fairgrad", max_norm=1.0))) < 0.05


def test_equal_gradients_are_all_followed() -> None:
    row = friendly(1, 5, 0)
    torch.testing.assert_close(unit(update(row.expand(3, 5), 2.0)), unit(row[0]))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"alpha": 0.05}, "fairgrad: expected a finite alpha of at least 0.1, got 0.05"),
        ({"alpha": float("inf")}, "fairgrad: expected a finite alpha of at least 0.1, got inf"),
        ({"alpha": float("nan")}, "fairgrad: expected a finite alpha of at least 0.1, got nan"),
        ({"max_norm": 0.0}, "fairgrad: expected max_norm to be positive or None, got 0.0"),
        ({"max_norm": float("inf")}, "fairgrad: expected max_norm to be positive or None, got inf"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("fairgrad", **bad)
