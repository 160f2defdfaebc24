"""Embedding tables that are measured lookup by lookup give the gradients that they give as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from balancers import Balancer
from balancers.step import tables
from balancers.step.tables import LookedUp

TOKENS = torch.tensor([[3, 5, 3, 0], [7, 5, 1, 3]])


class Texts(nn.Module):
    """The mean of embedded tokens, then a layer; heads for two tasks."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(20, 6, **options)  # pyright: ignore[reportArgumentType]
        self.layer = nn.Linear(6, 5)
        self.heads = nn.ModuleList(nn.Linear(5, 1) for _ in range(2))

    def losses(self) -> list[Tensor]:
        """A loss per task."""
        features = torch.tanh(self.layer(self.words(TOKENS).mean(1)))
        return [(head(features) - i).square().mean() for i, head in enumerate(self.heads)]

    def shared(self) -> list[nn.Parameter]:
        """The table and the layer."""
        return [*self.words.parameters(), *self.layer.parameters()]


class Twice(Texts):
    """Looks tokens up twice, the second time others."""

    def losses(self) -> list[Tensor]:
        """A loss per task."""
        features = torch.tanh(self.layer(self.words(TOKENS).mean(1) + self.words(TOKENS[:, :2] + 1).sum(1)))
        return [(head(features) - i).square().mean() for i, head in enumerate(self.heads)]


class OneTask(Texts):
    """The second task looks nothing up."""

    def losses(self) -> list[Tensor]:
        """A loss per task."""
        first, _ = super().losses()
        return [first, (self.heads[1](torch.tanh(self.layer(torch.ones(2, 6)))) - 1).square().mean()]


class Tied(Texts):
    """The table is the matrix of a product as well."""

    def losses(self) -> list[Tensor]:
        """A loss per task."""
        first, second = super().losses()
        return [first, second + (self.layer.bias[:1] * self.words.weight).square().mean()]


MODELS: dict[str, Callable[[], Texts]] = {
    "plain": Texts,
    "padding": lambda: Texts(padding_idx=3),
    "by frequency": lambda: Texts(scale_grad_by_freq=True),
    "sparse": lambda: Texts(sparse=True),
    "looked up twice": Twice,
    "one task": OneTask,
    "tied": Tied,
}


def gradients_of(model: Texts, method: str, scale: float = 1.0) -> list[Tensor]:
    """``.grad`` of all parameters after two steps without a reset between them."""
    balancer = Balancer(method, 2)
    for _ in range(2):
        balancer.backward([loss * scale for loss in model.losses()], shared=model.shared())
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("scale", [1.0, 1e-30])
@pytest.mark.parametrize("method", ["mgda", "pcgrad", "nash-mtl", "gradnorm", "graddrop"])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_whole_tables(
    name: str, method: str, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LARGE", math.inf)
    whole = gradients_of(MODELS[name](), method, scale)
    monkeypatch.setattr(tables, "LARGE", 1)
    by_lookup = gradients_of(MODELS[name](), method, scale)
    assert len(whole) == len(by_lookup)
    for one, other in zip(whole, by_lookup, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6 * float(one.abs().max()))


@pytest.mark.parametrize("name", MODELS)
def test_tables_that_are_only_looked_up_take_a_row_per_lookup(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGE", 1)
    model = MODELS[name]()
    first, *others = LookedUp(model.losses(), model.shared()).stand_ins(model.shared())
    rows = {"plain": 8, "padding": 8, "sparse": 8, "looked up twice": 12}
    assert len(first) == rows.get(name, 20)
    assert all(one is other for one, other in zip(others, model.shared()[1:], strict=True))


def test_hooks_of_a_table_see_its_whole_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGE", 1)
    model, shapes = Texts(), []
    model.words.weight.register_hook(lambda gradient: shapes.append(gradient.shape))
    Balancer("mgda", 2).backward(model.losses(), shared=model.shared())
    assert shapes == [(20, 6)] * 2
