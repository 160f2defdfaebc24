"""Preferences between tasks, in every method that solves equations and has a place for them."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import (
    AlignedMTLWeighting,
    ConFIG,
    DualProjWeighting,
    UPGradWeighting,
)
from torchjd.linalg import QuadprogProjector

from balancers import Balancer, Claim, Draws, Sizes, create
from tests.balancers.jacobians import evidence_from, first_weights, regular

SHARES = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
METHODS = ["upgrad", "dualproj", "config", "aligned-mtl", "cagrad", "nash-mtl", "fairgrad"]


def update(name: str, rows: Tensor, preference: Tensor, **hyperparameters: object) -> Tensor:
    return first_weights(create(name, preference=preference.tolist(), **hyperparameters), rows) @ rows


@pytest.mark.parametrize("seed", range(4))
def test_they_are_torchjds(seed: int) -> None:
    rows = regular(4, 9, seed)
    gramian = rows @ rows.T
    for name, theirs in (("upgrad", UPGradWeighting), ("dualproj", DualProjWeighting)):
        expected = theirs(SHARES, QuadprogProjector(norm_eps=0.0, reg_eps=1e-12))(gramian) @ rows
        torch.testing.assert_close(update(name, rows, SHARES), expected, rtol=1e-5, atol=1e-8)
    expected = AlignedMTLWeighting(pref_vector=SHARES)(gramian) @ rows
    torch.testing.assert_close(update("aligned-mtl", rows, SHARES), expected)
    torch.testing.assert_close(update("config", rows, SHARES), ConFIG(pref_vector=SHARES)(rows))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_bargains_satisfy_their_equation(alpha: float) -> None:
    rows, preference = regular(4, 9, 0), 4 * SHARES
    weights = first_weights(create("fairgrad", alpha=alpha, preference=SHARES.tolist()), rows)
    torch.testing.assert_close(rows @ rows.T @ weights, (preference / weights) ** (1 / alpha))


def test_an_asymmetric_bargain_is_as_long_as_a_symmetric_one() -> None:
    rows = regular(4, 9, 1)
    weights = first_weights(create("nash-mtl", preference=SHARES.tolist()), rows)
    torch.testing.assert_close((weights @ rows).norm() ** 2, torch.tensor(4.0, dtype=torch.float64))
    torch.testing.assert_close(rows @ rows.T @ weights * weights, 4 * SHARES)


def test_cagrad_stays_near_the_preferred_mean() -> None:
    rows = regular(4, 9, 2)
    mean = SHARES @ rows
    torch.testing.assert_close(update("cagrad", rows, SHARES, c=0.0), mean)
    away = update("cagrad", rows, SHARES, c=0.3) - mean
    torch.testing.assert_close(away.norm(), 0.3 * mean.norm())
    assert (rows @ (mean + away)).min() > (rows @ mean).min()


@pytest.mark.parametrize("name", METHODS)
def test_equal_preferences_of_any_size_are_none(name: str) -> None:
    rows = regular(3, 7, 3)
    plain = first_weights(create(name), rows) @ rows
    torch.testing.assert_close(update(name, rows, torch.full((3,), 7.0)), plain)


@pytest.mark.parametrize("name", METHODS)
def test_only_proportions_count_and_order_follows_the_tasks(name: str) -> None:
    rows, order = regular(4, 9, 4), torch.tensor([2, 0, 3, 1])
    whole = update(name, rows, SHARES)
    torch.testing.assert_close(update(name, rows, 50 * SHARES), whole)
    torch.testing.assert_close(update(name, rows[order], SHARES[order]), whole)
    assert Claim.PERMUTATION_EQUIVARIANT in create(name).claims
    assert Claim.PERMUTATION_EQUIVARIANT not in create(name, preference=[1.0, 2.0]).claims


@pytest.mark.parametrize("name", METHODS)
def test_the_others_keep_their_proportions_where_a_task_is_absent(name: str) -> None:
    rows = regular(3, 5, 5)
    point = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    balancer = Balancer(name, ["a", "b", "c"], preference={"c": 3.0, "a": 1.0, "b": 2.0})
    weights = balancer.backward({"a": rows[0] @ point, "c": rows[2] @ point}, shared=[point])
    assert weights[1] == 0
    two = first_weights(create(name, preference=[1.0, 3.0]), rows[[0, 2]])
    torch.testing.assert_close(weights[[0, 2]], two)
    again = Balancer(name, ["a", "b", "c"], preference={"c": 3.0, "a": 1.0, "b": 2.0})
    again.load_state_dict(balancer.state_dict())
    assert again.certificate == balancer.certificate


@pytest.mark.parametrize("name", METHODS)
def test_replicas_have_the_same_preference(name: str) -> None:
    rows = torch.stack([regular(4, 9, seed) for seed in range(3)])
    method = create(name, preference=SHARES.tolist())
    evidence = evidence_from(rows)
    state = method.init(Sizes(4, batch=(3,)))
    answer, _ = method.update(evidence, state, Draws.seeded(0, (3,)))
    assert isinstance(answer, Tensor)
    for one, weights in zip(rows, answer, strict=True):
        torch.testing.assert_close(weights @ one, update(name, one, SHARES))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("preference", [[1.0, 0.0], [1.0, float("nan")], [-1.0, 1.0]])
def test_a_preference_that_is_not_positive_is_refused(name: str, preference: list[float]) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a preference of positive numbers"):
        create(name, preference=preference)


@pytest.mark.parametrize("name", METHODS)
def test_a_preference_for_another_number_of_tasks_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="2 numbers for 3 tasks"):
        Balancer(name, 3, preference=[1.0, 2.0])


def test_a_preference_that_is_no_numbers_is_refused_in_words() -> None:
    # In a process of its own: the hooks of the tests, which check types, would come first.
    program = "from balancers import create; create('upgrad', preference=[1.0, 'x'])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ValueError: upgrad: expected a preference of positive numbers, got [1.0, 'x']" in ended.stderr
