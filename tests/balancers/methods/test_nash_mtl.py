"""Nash-MTL against its equation, closed forms, the bargaining game itself, TorchJD, and methods it shares with."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import NashMTL as TorchJDNashMTL

from balancers import Balancer, Draws, create
from balancers.conformance import check
from balancers.methods.nash_mtl import NashMTL
from tests.balancers.descent import STARTS, descend, distance_from_stationary
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, regular, spread
from tests.balancers.network import small_network
from tests.balancers.optimality import unit
from tests.balancers.witness import witness
from tests.references.nash_mtl import agreement, weights

SOLVABLE = ["regular", "spread", "friendly"]  # where gradients are independent


def torchjds(rows: Tensor) -> Tensor:
    """Its update, without clipping and with time enough for its convex programmes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cvxpy, which finds the programmes unusual
        return TorchJDNashMTL(len(rows), max_norm=0.0, optim_niter=100)(rows)


@witness("nash-mtl", "closed form")
@given(st.floats(-0.999, 1.0), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=60, deadline=None)
def test_two_tasks_have_weights_by_norm_and_cosine(cosine: float, first: float, second: float) -> None:
    rows = torch.tensor([[first, 0.0], [second * cosine, second * (1 - cosine**2) ** 0.5]], dtype=torch.float64)
    expected = 1 / (rows.norm(dim=1) * (1 + cosine) ** 0.5)
    torch.testing.assert_close(first_weights(create("nash-mtl"), rows), expected, rtol=1e-6, atol=0)


@witness("nash-mtl", "closed form")
@pytest.mark.parametrize("tasks", [1, 3, 20])
@pytest.mark.parametrize("cosine", [-0.04, 0.0, 0.5, 1.0])
def test_gradients_at_equal_angles_have_weights_in_inverse_proportion_to_their_norms(tasks: int, cosine: float) -> None:
    norms = 10 ** torch.linspace(-4, 4, tasks, dtype=torch.float64)
    cosines = torch.full((tasks, tasks), cosine, dtype=torch.float64).fill_diagonal_(1)
    values, vectors = torch.linalg.eigh(cosines)
    rows = norms[:, None] * vectors * values.clamp(min=0).sqrt()
    expected = 1 / (norms * (1 + (tasks - 1) * cosine) ** 0.5)
    torch.testing.assert_close(first_weights(create("nash-mtl"), rows), expected, rtol=1e-7, atol=0)


@witness("nash-mtl", "optimality")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("tasks", [1, 2, 5, 40, 100])
def test_every_gain_is_the_reciprocal_of_its_weight(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 2 * tasks + 3, 1)
    alphas = first_weights(create("nash-mtl"), rows)
    assert (alphas > 0).all()
    torch.testing.assert_close(rows @ (alphas @ rows) * alphas, torch.ones(tasks, dtype=torch.float64))


@witness("nash-mtl", "optimality")
@pytest.mark.parametrize("kind", SOLVABLE)
def test_no_update_of_the_same_length_has_a_larger_product_of_gains(kind: str) -> None:
    rows = KINDS[kind](4, 9, 2)
    update = first_weights(create("nash-mtl"), rows) @ rows
    best = (rows @ update).log().sum()
    for seed in range(50):
        other = unit(update + 10.0 ** -(seed % 5) * regular(1, 9, seed)[0]) * update.norm()
        gains = rows @ other
        assert (gains <= 0).any() or gains.log().sum() < best


@witness("nash-mtl", "transcription")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 8])
def test_it_is_the_agreement_of_the_bargaining_game(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 12, tasks)
    alphas = first_weights(create("nash-mtl"), rows)
    np.testing.assert_allclose(unit(alphas @ rows).numpy(), agreement(rows.numpy()), rtol=0, atol=1e-6)
    expected = weights(rows.numpy())
    np.testing.assert_allclose(alphas / alphas.sum(), expected / expected.sum(), rtol=1e-5)


@witness("nash-mtl", "torchjd")
@pytest.mark.parametrize("kind", ["regular", "friendly"])
@pytest.mark.parametrize("tasks", [2, 3, 5])
def test_it_is_torchjds_where_that_converges(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 20, 3)
    torch.testing.assert_close(first_weights(create("nash-mtl"), rows) @ rows, torchjds(rows), rtol=1e-5, atol=1e-5)


def test_it_converges_where_torchjd_does_not() -> None:
    rows = spread(3, 12, 0)
    update = first_weights(create("nash-mtl"), rows) @ rows
    theirs = torchjds(rows)
    torch.testing.assert_close(update.norm().item(), 3**0.5)
    assert abs(theirs.norm() - 3**0.5) > 0.1
    assert (rows @ unit(update)).log().sum() > (rows @ unit(theirs)).log().sum()


@witness("nash-mtl", "identity")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("tasks", [1, 2, 7, 40])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_squared_length_of_the_update_is_the_number_of_tasks(kind: str, tasks: int, scale: float) -> None:
    rows = scale * KINDS[kind](tasks, 2 * tasks + 3, 4)
    torch.testing.assert_close((first_weights(create("nash-mtl"), rows) @ rows).norm().item(), tasks**0.5)


@witness("nash-mtl", "identity")
@pytest.mark.parametrize("kind", SOLVABLE)
@pytest.mark.parametrize("other", ["config", "imtl-g"])
@pytest.mark.parametrize("seed", range(3))
def test_for_two_tasks_the_direction_is_the_bisector_of_the_gradients(kind: str, other: str, seed: int) -> None:
    rows = KINDS[kind](2, 5, seed)
    direction = unit(first_weights(create("nash-mtl"), rows) @ rows)
    torch.testing.assert_close(direction, unit(unit(rows[0]) + unit(rows[1])))
    torch.testing.assert_close(direction, unit(first_weights(create(other), rows) @ rows))


@pytest.mark.parametrize("tasks", [2, 5])
def test_clipping_shortens_the_update_and_keeps_its_direction(tasks: int) -> None:
    rows = regular(tasks, 12, tasks)
    plain = first_weights(create("nash-mtl"), rows)
    clipped = first_weights(create("nash-mtl", max_norm=1.0), rows)
    torch.testing.assert_close((clipped @ rows).norm().item(), 1.0)
    torch.testing.assert_close(clipped, plain / tasks**0.5)
    assert torch.equal(first_weights(create("nash-mtl", max_norm=10.0), rows), plain)


def test_clipping_breaks_no_promise() -> None:
    assert [result for result in check(create("nash-mtl", max_norm=1.0)) if not result.passed] == []


def test_a_task_with_a_gradient_of_zero_takes_no_part() -> None:
    rows = regular(4, 6, 1)
    rows[2] = 0
    weights = first_weights(create("nash-mtl"), rows)
    others = torch.tensor([0, 1, 3])
    assert weights[2] == 0
    torch.testing.assert_close(weights[others], first_weights(create("nash-mtl"), rows[others]))


def test_a_pareto_stationary_step_gives_no_update_and_is_counted() -> None:
    point = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    balancer = Balancer("nash-mtl", 2)
    for steps, (place, fallbacks) in enumerate([(0.0, 1), (2.0, 1), (-0.5, 2)]):
        point.grad = None
        with torch.no_grad():
            point.fill_(place)
        balancer.backward([(point - 1).square().sum(), (point + 1).square().sum() * (steps + 1)], shared=[point])
        assert balancer.certificate is not None
        assert balancer.certificate.fallbacks == fallbacks
        assert balancer.certificate.residual < 1e-8
        assert point.grad is not None
        expected = 2**0.5 if place == 2 else 0.0
        torch.testing.assert_close(point.grad.abs().item(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["strongly stationary", "weakly stationary"])
@pytest.mark.parametrize("tasks", [3, 8])
def test_where_some_gradients_cancel_there_is_no_agreement(kind: str, tasks: int) -> None:
    rows = KINDS[kind](tasks, 20, 1)
    solution = NashMTL().solve(evidence_from(rows), Draws.seeded(0))
    assert not solution.solved
    terms = solution.point[:, None] * rows
    assert terms.sum(0).norm() < 1e-9 * terms.norm()


def test_gradients_that_nearly_cancel_still_bargain() -> None:
    rows = torch.tensor([[1.0, 1e-4], [-1.0, 1e-4]], dtype=torch.float64)
    weights = first_weights(create("nash-mtl"), rows)
    torch.testing.assert_close(weights @ rows, torch.tensor([0.0, 2**0.5], dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_heads_follow_the_weighted_loss() -> None:
    network = small_network()
    sum(network.losses()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    plain = network.take_gradients()
    weights = Balancer("nash-mtl", 3).backward(network.losses(), shared=network.encoder.parameters())
    gradients = network.take_gradients()
    first_head = len(list(network.encoder.parameters()))
    torch.testing.assert_close(gradients[first_head], weights[0] * plain[first_head])


@pytest.mark.parametrize("start", STARTS)
def test_gradient_descent_ends_on_the_pareto_set(start: tuple[float, float]) -> None:
    assert distance_from_stationary(descend(start, create("nash-mtl"))) < 1e-3


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), float("nan")])
def test_a_bad_max_norm_is_an_error(bad: float) -> None:
    with pytest.raises(ValueError, match="nash-mtl: expected max_norm to be positive or None"):
        create("nash-mtl", max_norm=bad)
