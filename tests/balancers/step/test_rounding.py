"""Losses that rounding takes below their lower bound, and losses that lie below it."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from balancers import Balancer, Need, create, names

POSITIVE = [name for name in names() if create(name).positive_losses]
EPS = torch.finfo(torch.float32).eps


def divergence(point: Tensor) -> Tensor:
    """A Kullback-Leibler divergence of a distribution from itself, whose terms cancel but for rounding."""
    logits = point.view(8, 10)
    own = torch.log_softmax(logits, -1)
    return torch.nn.functional.kl_div(own, torch.softmax(logits.detach(), -1), reduction="batchmean")


def negative_divergence() -> Tensor:
    for seed in range(200):
        point = torch.randn(80, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        if divergence(point).item() < 0:
            return point
    raise AssertionError("rounding should make one of so many divergences negative")


def losses_at(point: Tensor, values: tuple[float, ...]) -> list[Tensor]:
    """Losses with these values, whose gradients differ."""
    moved = point - point.detach()
    return [value + (moved * (1 + i)).sum() * (-1) ** i for i, value in enumerate(values)]


def balanced(balancer: Balancer, values: tuple[float, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    point = torch.ones(4, dtype=dtype, requires_grad=True)
    others = [losses_at(point, values)] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
    weights = balancer.backward(losses_at(point, values), shared=[point], others=others)
    assert point.grad is not None
    assert point.grad.isfinite().all()
    balancer.after_step(losses_at(point, values))
    return weights


@pytest.mark.parametrize("method", names())
def test_a_divergence_that_rounding_makes_negative_ends_no_run(method: str) -> None:
    point = negative_divergence()
    make = lambda: [divergence(point), (point - 1).square().mean()]  # noqa: E731
    balancer = Balancer(method, ["kl", "mse"])
    others = [make()] if Need.CROSS_GRAMIAN in balancer.weighting.needs else []
    assert balancer.backward(make(), shared=[point], others=others).isfinite().all()
    assert point.grad is not None
    assert point.grad.isfinite().all()


@pytest.mark.parametrize("method", POSITIVE)
def test_a_loss_below_its_bound_by_rounding_counts_as_the_bound(method: str) -> None:
    for bound in (0.0, 3.0):
        below, at = (Balancer(method, 2, lower_bounds=[bound, 0.0]) for _ in range(2))
        for _ in range(2):
            torch.testing.assert_close(balanced(below, (bound - 2 * EPS, 1.0)), balanced(at, (bound, 1.0)))
            assert below.evidence.losses.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("method", POSITIVE)
@pytest.mark.parametrize("value", [-1e-5, -1e-3, -5.0])
def test_a_loss_further_below_is_an_error(method: str, value: float) -> None:
    with pytest.raises(ValueError, match="needs losses of at least 0, and that of task '1' is -"):
        balanced(Balancer(method, 2), (1.0, value))


def test_the_tolerance_follows_the_dtype_of_the_loss() -> None:
    balanced(Balancer("gls", 2), (1.0, -1e-2), torch.bfloat16)
    for dtype, value in ((torch.float64, -1e-9), (torch.float32, -1e-2), (torch.float16, -0.1)):
        with pytest.raises(ValueError, match="needs losses of at least 0"):
            balanced(Balancer("gls", 2), (1.0, value), dtype)


def test_the_tolerance_follows_the_largest_loss_of_the_task_so_far_and_no_other() -> None:
    rounding = -1e-4  # 8 eps of float32 times a little more than 100
    balancer = Balancer("gls", 3)
    balanced(balancer, (1000.0, 1.0, 1.0))
    balanced(balancer, (rounding, 1.0, 1.0))
    with pytest.raises(ValueError, match="that of task '1' is"):
        balanced(balancer, (1.0, rounding, 1.0))


def test_the_largest_losses_are_in_checkpoints() -> None:
    first, second = Balancer("gls", 2), Balancer("gls", 2)
    balanced(first, (1000.0, 1.0))
    second.load_state_dict(first.state_dict())
    balanced(second, (-1e-4, 1.0))


def test_a_checkpoint_without_largest_losses_can_be_loaded() -> None:
    balancer = Balancer("gls", 2)
    balanced(balancer, (1000.0, 1.0))
    saved = balancer.state_dict()
    text = bytes(saved["_extra_state"].tolist())
    cut = re.sub(rb', "largest_losses": \[[^]]*\]', b"", text)
    assert len(cut) < len(text)
    balancer.load_state_dict(saved | {"_extra_state": torch.tensor(list(cut), dtype=torch.uint8)})
    with pytest.raises(ValueError, match="needs losses of at least 0"):
        balanced(balancer, (-1e-4, 1.0))


def test_checkpoints_have_as_many_bytes_in_every_step() -> None:
    balancer = Balancer("gls", 2)
    sizes = set()
    for losses in ((1000.0, 1.0), (0.1, 1e-40), (1e38, 3.0)):
        balanced(balancer, losses)
        sizes.add(len(balancer.state_dict()["_extra_state"]))
    assert len(sizes) == 1


def test_a_step_that_was_refused_is_not_remembered() -> None:
    balancer = Balancer("gls", 2)
    with pytest.raises(ValueError, match="that of task '1' is"):
        balanced(balancer, (1000.0, -5.0))
    with pytest.raises(ValueError, match="that of task '0' is"):
        balanced(balancer, (-1e-4, 1.0))


def test_methods_that_take_any_loss_see_it_as_it_is() -> None:
    balancer = Balancer("pcgrad", 2)
    balanced(balancer, (-1e-8, 1.0))
    assert balancer.evidence.losses[0].item() < 0
