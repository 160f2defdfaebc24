"""Scale-invariant weighting against the objective that it descends on, and the methods that learn its weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balancers import Balancer, create
from tests.balancers.histories import losses_like, weights_at, weights_over
from tests.balancers.witness import witness


@witness("scale-invariant", "transcription")
@pytest.mark.parametrize("tasks", [1, 2, 7, 100])
def test_the_weights_are_the_gradient_of_the_sum_of_logarithms(tasks: int) -> None:
    losses = losses_like(1, tasks, seed=tasks)[0].requires_grad_(True)
    expected = torch.autograd.grad(losses.log().sum(), losses)[0]
    torch.testing.assert_close(weights_at(create("scale-invariant"), losses.detach()), expected)


@witness("scale-invariant", "identity")
@pytest.mark.parametrize(("learned", "factor"), [("imtl-l", 1.0), ("uncertainty", 2.0)])
def test_the_weights_are_those_that_learned_scales_end_at(learned: str, factor: float) -> None:
    losses = torch.tensor([0.05, 1.0, 12.0], dtype=torch.float64)
    ended = weights_over(create(learned), [losses] * 2500)[-1]
    torch.testing.assert_close(weights_at(create("scale-invariant"), losses), factor * ended, rtol=1e-3, atol=0)


@given(st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_every_weighted_loss_is_1_whatever_the_scales_of_the_losses(tasks: int, seed: int) -> None:
    losses = losses_like(1, tasks, seed)[0] * 10 ** (12 * (losses_like(1, tasks, seed + 1)[0].log10()))
    torch.testing.assert_close(weights_at(create("scale-invariant"), losses) * losses, torch.ones_like(losses))


def test_a_task_at_loss_zero_holds_nobody_up() -> None:
    point = torch.tensor([2.0, 0.0], requires_grad=True)
    weights = Balancer("scale-invariant", 2).backward(list(point.square().unbind()), shared=[point])
    assert weights.tolist() == [0.25, 0.0]
    torch.testing.assert_close(point.grad, torch.tensor([1.0, 0.0]))


def test_a_loss_too_small_for_its_inverse_counts_as_zero() -> None:
    point = torch.tensor([1.0, 1e-42], requires_grad=True)
    Balancer("scale-invariant", 2).backward(list(point.unbind()), shared=[point])
    assert point.grad is not None
    assert point.grad.tolist() == [1.0, 0.0]
