"""Tchebycheff scalarization against the definition of a subgradient and its closed form."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balancers import Balancer, Claim, create
from tests.balancers.histories import losses_like, weights_at
from tests.balancers.witness import witness


@witness("tchebycheff", "closed form")
@pytest.mark.parametrize(
    ("losses", "preference", "expected"),
    [
        ([1.0, 2.0], None, [0.0, 0.5]),
        ([1.0, 2.0], [3.0, 1.0], [0.75, 0.0]),
        ([1.0, 2.0], [2.0, 1.0], [1 / 3, 1 / 6]),
        ([0.0, 0.0], None, [0.25, 0.25]),
    ],
)
def test_the_worse_of_two_tasks_has_its_preference(
    losses: list[float], preference: list[float] | None, expected: list[float]
) -> None:
    weights = weights_at(create("tchebycheff", preference=preference), torch.tensor(losses, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float64))


@witness("tchebycheff", "optimality")
@given(st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_weights_are_a_subgradient_of_the_weighted_maximum(tasks: int, seed: int) -> None:
    losses, others = losses_like(2, tasks, seed).round(decimals=1)  # so that ties occur
    preference = losses_like(1, tasks, seed + 1)[0]
    shares = preference / preference.sum()
    weights = weights_at(create("tchebycheff", preference=preference.tolist()), losses)
    gap = (shares * others).max() - (shares * losses).max() - weights @ (others - losses)
    assert gap >= -1e-12


@witness("tchebycheff", "identity")
def test_it_is_the_limit_of_the_smooth_one() -> None:
    preference = [1.0, 2.0, 3.0, 4.0, 5.0]
    for seed in range(20):
        losses = losses_like(1, 5, seed)[0]
        smooth = weights_at(create("stch", mu=1e-9, preference=preference), losses)
        torch.testing.assert_close(smooth, weights_at(create("tchebycheff", preference=preference), losses))


def test_a_preference_by_name_and_lower_bounds_decide_who_is_worst() -> None:
    point = torch.tensor([3.0, 5.0], requires_grad=True)
    balancer = Balancer("tchebycheff", ["a", "b"], preference={"b": 1.0, "a": 3.0}, lower_bounds={"a": 2.5})
    weights = balancer.backward({"a": point[0], "b": point[1]}, shared=[point])
    assert weights.tolist() == [0, 0.25]  # 0.75 * 0.5 against 0.25 * 5


def test_the_preference_is_one_between_the_tasks_that_are_present() -> None:
    point = torch.tensor([1.0, 9.0, 1.0], requires_grad=True)
    balancer = Balancer("tchebycheff", 3, preference=[1.0, 2.0, 3.0])
    weights = balancer.backward(list(point.unbind()), shared=[point], present=[True, False, True])
    assert weights.tolist() == [0, 0, 0.75]


def test_only_equal_preferences_leave_the_order_of_the_tasks_open() -> None:
    assert create("tchebycheff").claims == {Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT}
    assert create("tchebycheff", preference=[1.0, 2.0]).claims == {Claim.NON_NEGATIVE}


@pytest.mark.parametrize("preference", [[1.0, 0.0], [1.0, float("nan")], [-1.0, 1.0]])
def test_a_preference_that_is_not_positive_is_refused(preference: list[float]) -> None:
    with pytest.raises(ValueError, match="tchebycheff: expected a preference of positive numbers"):
        create("tchebycheff", preference=preference)


def test_a_preference_for_another_number_of_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="the preference has 3 numbers for 2 tasks"):
        Balancer("tchebycheff", 2, preference=[1.0, 1.0, 1.0])
