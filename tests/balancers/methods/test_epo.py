"""EPO against the official code's programmes, their solution for two tasks, and the point that it searches."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from balancers import Balancer, Draws, Sizes, create
from balancers.conformance import check
from balancers.methods.epo import EPO, EPOState, anchor
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, generator, regular
from tests.balancers.witness import witness
from tests.references.epo import epo, non_uniformity


def preference_and_losses(tasks: int, seed: int, *, balanced: bool) -> tuple[Tensor, Tensor]:
    """A preference of length 1, and losses that are almost balanced by it or far from that."""
    numbers = torch.rand(2, tasks, generator=generator(seed), dtype=torch.float64)
    preference = (numbers[0] + 0.2) / (numbers[0] + 0.2).norm()
    return preference, (1 + 0.003 * numbers[1]) / preference if balanced else numbers[1] + 0.1


def first_step(method: EPO, rows: Tensor, losses: Tensor) -> tuple[Tensor, EPOState]:
    state = method.init(Sizes(len(rows)))
    weights, state = method.update(evidence_from(rows, losses), state, Draws.seeded(0))
    return weights, state


@witness("epo", "transcription")
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("kind", ["regular", "friendly", "weakly stationary", "strongly stationary"])
@pytest.mark.parametrize("tasks", [2, 3, 5, 8])
def test_it_is_the_rule_of_the_official_code(tasks: int, kind: str, *, balanced: bool) -> None:
    both = set()
    for seed in range(20):
        rows = KINDS[kind](tasks, 9, seed)
        preference, losses = preference_and_losses(tasks, seed, balanced=balanced)
        expected = epo(rows.numpy(), losses.numpy(), preference.numpy(), 1e-4)
        weights, state = first_step(EPO(preference.tolist()), rows, losses)
        if expected is None:
            assert state.fallbacks == 1
        elif state.fallbacks == 0:
            size = float(rows.norm(dim=-1).max())
            np.testing.assert_allclose(weights / tasks @ rows, expected @ rows.numpy(), rtol=0, atol=1e-6 * size)
        both.add(non_uniformity(losses.numpy(), preference.numpy()) <= 1e-4)
    assert balanced in both


@witness("epo", "closed form")
@pytest.mark.parametrize("seed", range(60))
def test_of_two_tasks_it_takes_the_end_of_the_interval_that_the_bounds_leave(seed: int) -> None:
    rows = regular(2, 3, seed)
    preference, losses = preference_and_losses(2, seed, balanced=seed % 2 == 0)
    gramian = rows @ rows.mT
    shares = preference * losses / (preference @ losses)
    uneven = (shares * (2 * shares).log()).sum()
    along = gramian @ (preference * ((2 * shares).log() - uneven))
    worst = int(shares.argmax())
    balanced = bool(uneven <= 1e-4)
    gains, rates = gramian.sum(0) if balanced else along, {0: 0.0, 1: 0.0}
    if not balanced and (along > 0).any():
        rates = {j: float(along[j]) for j in (0, 1) if along[j] <= 0} | {worst: 0.0}
    low, high = 0.0, 1.0  # for the second weight s: the change of loss j is (1 - s) G[j, 0] + s G[j, 1]
    constraints = [(gramian[j], rate) for j, rate in rates.items()]
    constraints += [(along, min(float(along.max()), 0.0))] if balanced else []
    for row, rate in constraints:
        slope, missing = float(row[1] - row[0]), rate - float(row[0])
        low, high = (max(low, missing / slope), high) if slope > 0 else (low, min(high, missing / slope))
    share = high if gains[1] > gains[0] else low
    weights, state = first_step(EPO(preference.tolist()), rows, losses)
    assert state.fallbacks == 0
    torch.testing.assert_close(weights, 2 * torch.tensor([1 - share, share], dtype=torch.float64))


@pytest.mark.parametrize("preference", [(1.0, 1.0), (1.0, 4.0), (5.0, 1.0)])
def test_it_finds_the_pareto_optimal_point_of_its_preference(preference: tuple[float, float]) -> None:
    def losses() -> list[Tensor]:
        return [1 - (-(point - side / math.sqrt(2)).square().sum()).exp() for side in (1, -1)]

    point = torch.tensor([0.3, 1.2], requires_grad=True)
    balancer = Balancer("epo", 2, preference=preference)
    for step in range(3000):
        point.grad = None
        balancer.backward(losses(), shared=[point])
        assert point.grad is not None
        with torch.no_grad():
            point -= 0.1 / (1 + step / 100) * point.grad
    first, second = (float(loss.detach()) for loss in losses())
    assert preference[0] * first == pytest.approx(preference[1] * second, rel=0.05)
    assert abs(float(point[0].detach() - point[1].detach())) < 0.02  # the optimal points lie on the diagonal


def test_only_the_proportions_of_a_preference_matter() -> None:
    rows, losses = regular(3, 6, 0), torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(
        first_weights(EPO((1.0, 2.0, 3.0)), rows, losses), first_weights(EPO((10.0, 20.0, 30.0)), rows, losses)
    )


def test_where_no_weights_meet_the_bounds_no_loss_increases_and_it_is_counted() -> None:
    rows = regular(3, 9, 49)
    preference, losses = preference_and_losses(3, 49, balanced=True)
    assert epo(rows.numpy(), losses.numpy(), preference.numpy(), 1e-4) is None
    weights, state = first_step(EPO(preference.tolist()), rows, losses)
    certificate = EPO().certificate(state)
    assert certificate.fallbacks == 1
    assert certificate.residual == 0
    torch.testing.assert_close(weights, 3 * first_weights(create("mgda"), rows))


def test_between_opposite_gradients_nothing_moves() -> None:
    rows = torch.tensor([[1.0, 2.0], [-2.0, -4.0]], dtype=torch.float64)
    weights, _ = first_step(EPO(), rows, torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor([4.0, 2.0], dtype=torch.float64) / 3)


@pytest.mark.parametrize("tasks", [2, 3, 5, 7])
def test_losses_that_are_balanced_up_to_rounding_ask_for_no_balance(tasks: int) -> None:
    preference = torch.rand(tasks, generator=generator(tasks), dtype=torch.float64) + 0.1
    slope, uneven = anchor(preference * (0.3 / preference), preference)
    assert (slope == 0).all()
    assert abs(uneven) < 1e-15


@pytest.mark.parametrize("losses", [(0.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1e-30, 1.0, 1e30)])
def test_losses_of_zero_and_of_any_size_have_bounded_weights(losses: tuple[float, ...]) -> None:
    weights = first_weights(EPO(), regular(3, 6, 2), torch.tensor(losses, dtype=torch.float64))
    assert ((weights >= 0) & (weights <= 3)).all()
    torch.testing.assert_close(weights.sum().item(), 3.0)


def test_absent_tasks_leave_the_others_their_preference() -> None:
    balancer = Balancer("epo", ["a", "b", "c"], preference={"a": 1.0, "b": 2.0, "c": 3.0})
    rows = regular(3, 4, 0).float()
    point = torch.zeros(4, requires_grad=True)
    weights = balancer.backward({"a": rows[0] @ point + 1, "c": rows[2] @ point + 2}, shared=[point])
    expected = first_weights(EPO((1.0, 3.0)), rows[[0, 2]].double(), torch.tensor([1.0, 2.0], dtype=torch.float64))
    torch.testing.assert_close(weights[[0, 2]].double(), expected)


@pytest.mark.parametrize("method", [EPO(tolerance=0.0), EPO(tolerance=10.0)])
def test_each_of_its_programmes_keeps_its_promises(method: EPO) -> None:
    assert [result for result in check(method) if not result.passed] == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"preference": [1.0, 0.0]}, "epo: expected a preference of positive numbers"),
        ({"tolerance": -1.0}, "epo: expected a tolerance of at least 0, got -1.0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("epo", **bad)
