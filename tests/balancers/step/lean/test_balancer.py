"""`Balancer(..., memory="lean")`: the step of the ordinary way, without its memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from balancers import Balancer, Need
from balancers.step.arguments import require_lean
from tests.balancers.network import small_network

METHODS = ["mgda", "pcgrad", "nash-mtl", "cagrad", "upgrad", "gradnorm", "imtl-g", "aligned-mtl", "uncertainty"]


def gradients_of(method: str, memory: str, heads: str | None = None) -> list[Tensor]:
    """Everything in ``.grad`` after two steps, the second with a task absent."""
    network = small_network(3)
    balancer = Balancer(method, 3, heads=heads, memory=memory)  # pyright: ignore[reportArgumentType]
    for absent in (None, 1):
        losses: list[Tensor | None] = [*network.losses()]
        if absent is not None:
            losses[absent] = None
        balancer.backward(losses, shared=network.encoder.parameters())
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("heads", [None, "own", "weighted"])
@pytest.mark.parametrize("method", METHODS)
def test_both_ways_fill_the_same_gradients(method: str, heads: str | None) -> None:
    full, lean = gradients_of(method, "full", heads), gradients_of(method, "lean", heads)
    assert len(full) == len(lean)
    for one, other in zip(full, lean, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["graddrop", "modo", "trimmed-mean"])
def test_methods_that_need_more_than_the_gramian_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match="leave out memory='lean'"):
        Balancer(method, 3, memory="lean")


def test_observing_gradients_is_refused() -> None:
    with pytest.raises(ValueError, match="leave out memory='lean'"):
        Balancer("mgda", 3, memory="lean", observe=Need.GRADIENTS)


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="expected memory to be 'full' or 'lean', got 'small'"):
        require_lean("small", Need.GRAMIAN, "mgda")


class Odd(torch.autograd.Function):
    """The identity, whose backward pass cannot run for several tasks at once."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: Tensor) -> Tensor:
        """The values."""
        return values.clone()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *slopes: Tensor) -> Tensor:  # pyright: ignore
        """The slopes, after a look at one of them."""
        return slopes[0] * (1.0 if slopes[0].sum().item() else 2.0)


def test_nothing_changes_where_an_operation_cannot_be_batched() -> None:
    encoder, heads = nn.Linear(3, 4), [nn.Linear(4, 1) for _ in range(2)]
    features = Odd.apply(encoder(torch.ones(5, 3)))
    losses = [head(features).square().mean() for head in heads]
    with pytest.raises(ValueError, match="use memory='full'"):
        Balancer("mgda", 2, memory="lean").backward(losses, shared=encoder.parameters())
    assert all(parameter.grad is None for module in (encoder, *heads) for parameter in module.parameters())


def test_a_retained_gradient_is_refused_by_name() -> None:
    encoder, heads = nn.Linear(3, 4), [nn.Linear(4, 1) for _ in range(2)]
    features = torch.tanh(encoder(torch.ones(5, 3)))
    features.retain_grad()
    losses = [head(features).square().mean() for head in heads]
    with pytest.raises(ValueError, match=r"leave out retain_grad\(\)"):
        Balancer("mgda", 2, memory="lean").backward(losses, shared=encoder.parameters())
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_a_real_weight_in_a_complex_product_has_real_gradients() -> None:
    torch.manual_seed(0)
    first, second = (nn.Parameter(torch.randn(4, 4)) for _ in range(2))
    inputs = torch.randn(5, 4, dtype=torch.complex64)
    gramians = []
    for memory in ("full", "lean"):
        outputs = torch.tanh(inputs @ first.to(torch.complex64)) @ second.to(torch.complex64)
        losses = [outputs.real.square().mean(), (outputs.imag - 1).square().mean(), outputs.abs().mean()]
        balancer = Balancer("mgda", 3, memory=memory)  # pyright: ignore[reportArgumentType]
        balancer.backward(losses, shared=[first, second])
        gramians.append(balancer.evidence.gramian)
    torch.testing.assert_close(*gramians, rtol=1e-4, atol=1e-6)
