"""What the lean Gramian refuses, and how it says so; and what only looks as if it had to be refused."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from balancers.step.lean.gramian import lean_gramian


class ByNumpy(torch.autograd.Function):
    """An operation whose backward pass leaves PyTorch."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        return 2 * inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return torch.from_numpy(2 * gradients[0].numpy())


def losses_and_layers(operation: nn.Module | None = None) -> tuple[list[Tensor], list[nn.Parameter], Tensor]:
    first, last = nn.Linear(5, 6), nn.Linear(6, 3)
    hidden = first(torch.randn(7, 5))
    hidden = ByNumpy.apply(hidden) if operation is None else operation(hidden)
    features = last(hidden)
    losses = [features[:, task].square().sum() for task in range(3)]
    return losses, [*first.parameters(), *last.parameters()], features


def test_an_operation_that_cannot_be_batched_is_named_with_the_parameter_behind_it() -> None:
    losses, shared, _ = losses_and_layers()
    with pytest.raises(
        ValueError, match=r"ByNumpyBackward does not allow it .*number 2 of the 4.*\(6,\).*memory='full'"
    ):
        lean_gramian(losses, shared)
    assert not any(parameter._backward_hooks for parameter in shared)


def test_it_may_stand_in_a_head() -> None:
    _, shared, features = losses_and_layers(nn.Tanh())
    losses = [ByNumpy.apply(features).sum(), features.prod()]  # pyright: ignore
    assert lean_gramian(losses, shared).reached == [True, True]


def test_it_may_stand_below_what_is_measured() -> None:
    losses, shared, _ = losses_and_layers()
    assert lean_gramian(losses, shared[2:]).reached == [True] * 3


def test_an_error_of_every_backward_pass_stays_what_it_is() -> None:
    losses, shared, features = losses_and_layers(nn.Tanh())
    features.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        lean_gramian(losses, shared)


def test_separate_forward_passes_are_refused() -> None:
    encoder = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6))
    losses = [encoder(torch.randn(7, 5)).sum() for _ in range(3)]
    with pytest.raises(ValueError, match=r"78 of the 78 shared elements by separate forward passes.*memory='full'"):
        lean_gramian(losses, list(encoder.parameters()))


def test_operations_without_a_batching_rule_run_task_by_task_without_a_word() -> None:
    layer = nn.LSTM(5, 4, batch_first=True)
    features = layer(torch.randn(3, 7, 5))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lean_gramian([features.sum(), features.prod()], list(layer.parameters())).reached == [True, True]
