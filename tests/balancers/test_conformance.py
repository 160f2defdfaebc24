"""The registry's methods pass the public kit, and the kit notices methods that break their promises."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from balancers import Claim, Draws, Evidence, Need, Sizes, Stateless, Weighting, create, names, reference
from balancers.conformance import CHECKS, check
from balancers.registry import get


@pytest.mark.parametrize("method", names())
@pytest.mark.parametrize("name", CHECKS)
def test_every_registered_method_conforms(name: str, method: str) -> None:
    CHECKS[name](create(method))


@pytest.mark.parametrize("method", names())
def test_every_registered_method_names_its_paper(method: str) -> None:
    assert reference(get(method)).endswith(".")


def failed(weighting: Weighting) -> set[str]:
    return {result.name for result in check(weighting) if not result.passed}


class Broken(Stateless):
    name = "broken"
    needs = Need.GRAMIAN


@dataclass(frozen=True)
class WrongShape(Broken):
    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return seen.gramian


@dataclass(frozen=True)
class ForgetsReplicas(Broken):
    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return seen.norms / seen.norms.sum()


@dataclass(frozen=True)
class WritesIntoItsEvidence(Broken):
    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        seen.losses.add_(1)
        return torch.ones_like(seen.losses)


@dataclass(frozen=True)
class DividesByNorms(Broken):
    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return 1 / seen.norms


@dataclass(frozen=True)
class HasAnAbsoluteEpsilon(Broken):
    degree = 1

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        weights = 1 / (seen.norms + 1e-8)
        return weights / weights.sum(-1, keepdim=True)


@dataclass(frozen=True)
class UsesTheGlobalGenerator(Broken):
    stochastic = True

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return torch.rand(seen.losses.shape, dtype=torch.float64)


@dataclass(frozen=True)
class HidesThatItDraws(Broken):
    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return draws.uniform(seen.losses)


@dataclass(frozen=True)
class OverstatesItself(Broken):
    claims = frozenset({Claim.NON_CONFLICTING, Claim.SIMPLEX})

    def weigh(self, seen: Evidence, draws: Draws) -> Tensor:
        return torch.ones_like(seen.losses)


class Count(NamedTuple):
    steps: Float[Tensor, "*B"]


@dataclass(frozen=True)
class KeepsItsStateOnTheObject(Weighting[Count]):
    name = "hidden"
    needs = Need.LOSSES

    def init(self, sizes: Sizes) -> Count:
        object.__setattr__(self, "calls", 0)
        return Count(sizes.scalar())

    def update(self, seen: Evidence, state: Count, draws: Draws) -> tuple[Tensor, Count]:
        calls = self.calls + 1  # pyright: ignore[reportAttributeAccessIssue]
        object.__setattr__(self, "calls", calls)
        return calls * torch.ones_like(seen.losses), state


@pytest.mark.parametrize(
    ("weighting", "check_name"),
    [
        (WrongShape(), "shapes"),
        (ForgetsReplicas(), "batch axes"),
        (WritesIntoItsEvidence(), "purity"),
        (DividesByNorms(), "degenerate gradients"),
        (HasAnAbsoluteEpsilon(), "declared degree"),
        (UsesTheGlobalGenerator(), "determinism"),
        (HidesThatItDraws(), "determinism"),
        (OverstatesItself(), "declared claims"),
        (KeepsItsStateOnTheObject(), "resume"),
    ],
)
def test_a_method_that_breaks_a_promise_is_told_which(weighting: Weighting, check_name: str) -> None:
    assert check_name in failed(weighting)
