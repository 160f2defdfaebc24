"""A suite that trains in milliseconds, for tests of the harness: a regression and a classification of 48 points."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from benchmarks.protocols.files import Protocol
from tasks import registry
from tasks.base import (
    DataUnavailableError,
    MultiTaskModel,
    Split,
    Splits,
    Suite,
    Task,
    accuracy,
    check_tasks,
    mean_metric,
    seeded,
)


class Encoder(nn.Module):
    """One hidden layer with dropout, so that noise is part of what must be reproduced."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.last = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.last(self.dropout(torch.tanh(self.first(x)))))


@dataclass(frozen=True)
class Tiny(Suite):
    """``fault`` makes loading fail as the data would, or the loss fail as a bug would."""

    width: int = 4
    fault: str = ""

    version = 1
    summary = "48 points"

    @property
    def tasks(self) -> tuple[Task, ...]:
        square = mean_metric("mse", 0.0, lambda o, t: (o.squeeze(-1) - t) ** 2, higher_is_better=False)
        return (
            Task("height", self._regression, (square,)),
            Task("side", cross_entropy, (accuracy(), mean_metric("half", 1.0, _half, higher_is_better=True))),
        )

    def _regression(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.fault == "loss":
            raise RuntimeError("the loss is broken")
        return mse_loss(outputs.squeeze(-1), targets)

    def load(self, data: Path | None = None) -> Splits:
        if self.fault == "data":
            raise DataUnavailableError("the 48 points are nowhere to be found; write them down again")
        if self.fault == "loader":
            raise KeyError("points")
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(48, 3, generator=generator)
        whole = Split({"x": x}, {"height": x.sum(-1), "side": (x[:, 0] > 0).long()})
        return Splits(whole.take(slice(0, 32)), whole.take(slice(32, 40)), whole.take(slice(40, 48)))

    def read(self, user_input: str) -> dict[str, torch.Tensor]:
        try:
            x, y, z = map(float, user_input.split(","))
        except ValueError:
            raise ValueError(f"expected three numbers, as in 1,2,3, got {user_input!r}") from None
        return {"x": torch.tensor([[x, y, z]])}

    def answers(self, user_input: str, outputs: Mapping[str, torch.Tensor]) -> dict[str, str]:
        return {"height": f"{float(outputs['height']):.1f}", "side": ("left", "right")[int(outputs["side"].argmax())]}

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = Encoder(self.width)
            heads = {"height": nn.Linear(self.width, 1), "side": nn.Linear(self.width, 2)}
        return MultiTaskModel(encoder, {name: heads[name] for name in tasks}, encoder.last)


def _half(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs.argmax(-1) == targets) * 0.5


@contextmanager
def registered(*names: str, suite: type[Tiny] = Tiny) -> Iterator[None]:
    """Tiny suites under these names for the length of a block; other tests must not see them in the registry."""
    registry.names()  # the scan for real suites comes first
    for name in names:
        registry.register(name)(type("Tiny", (suite,), {"__module__": __name__}))
    try:
        yield
    finally:
        for name in names:
            del registry._entries[name]


PROTOCOL = """
name = "tiny"
description = "for tests"
cost_reference = "fixed"

[defaults]
seeds = 2
optimizer = "adam"
learning_rates = [1e-2]
batch_size = 10
steps = 12
evaluations = 3

[suites.tiny]

[methods.fixed]
[methods.gradnorm]
[methods.pcgrad]
"""


def protocol(**changes: object) -> Protocol:
    """The tiny protocol with other top-level tables."""
    return Protocol.model_validate(tomllib.loads(PROTOCOL) | changes)
