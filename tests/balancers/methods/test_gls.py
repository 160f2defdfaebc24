"""The geometric loss strategy against its closed form and another library."""

import pytest
import torch
from torchjd.scalarization import GeometricMean

from balancers import create
from tests.balancers.histories import losses_like, weights_at
from tests.balancers.witness import witness


@witness("gls", "torchjd")
@pytest.mark.parametrize("tasks", [1, 2, 5, 40])
def test_the_weights_are_the_gradient_of_torchjds_geometric_mean(tasks: int) -> None:
    losses = losses_like(1, tasks, seed=tasks)[0].requires_grad_(True)
    expected = torch.autograd.grad(GeometricMean()(losses), losses)[0]
    torch.testing.assert_close(weights_at(create("gls"), losses.detach()), expected)


@witness("gls", "closed form")
def test_two_tasks_have_half_the_root_of_the_ratio_of_their_losses() -> None:
    losses = torch.tensor([1e-12, 1e12], dtype=torch.float64)
    expected = torch.tensor([0.5e12, 0.5e-12], dtype=torch.float64)
    torch.testing.assert_close(weights_at(create("gls"), losses), expected)


@witness("gls", "identity")
def test_the_direction_is_the_scale_invariant_one() -> None:
    losses = losses_like(1, 6, seed=3)[0]
    ratios = weights_at(create("gls"), losses) / weights_at(create("scale-invariant"), losses)
    torch.testing.assert_close(ratios, losses.log().mean().exp().expand(6) / 6)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_a_hundred_losses_neither_overflow_nor_vanish(scale: float) -> None:
    losses = torch.full((100,), scale, dtype=torch.float64)
    torch.testing.assert_close(weights_at(create("gls"), losses), torch.full((100,), 0.01, dtype=torch.float64))


def test_a_task_at_loss_zero_has_no_weight_and_takes_nearly_all_from_the_other() -> None:
    weights = weights_at(create("gls"), torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert weights[0] == 0
    assert 0 < weights[1] < 1e-18
