"""Methods may name their parameters as they like: the library passes them by position."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from balancers import Draws, Every, Evidence, Need, Sizes, Solution, Solving, Stateless, Weighting
from balancers.conformance import check
from balancers.contract.weighting import Empty


@dataclass(frozen=True)
class SeenByStateless(Stateless):
    name = "seen-by-stateless"
    needs = Need.LOSSES

    def weigh(self, seen: Evidence, random: Draws) -> Tensor:
        return torch.ones_like(seen.losses)


@dataclass(frozen=True)
class SeenBySolving(Solving):
    name = "seen-by-solving"
    needs = Need.LOSSES

    def solve(self, seen: Evidence, random: Draws) -> Solution:
        zero = torch.zeros_like(seen.losses[..., 0])
        return Solution(torch.ones_like(seen.losses), zero, zero == 0)


@dataclass(frozen=True)
class SeenByWeighting(Weighting[Empty]):
    name = "seen-by-weighting"
    needs = Need.LOSSES | Need.LOSSES_AFTER

    def init(self, dimensions: Sizes) -> Empty:
        return Empty()

    def update(self, seen: Evidence, memory: Empty, random: Draws) -> tuple[Tensor, Empty]:
        return torch.ones_like(seen.losses), memory

    def after(self, later: Tensor, memory: Empty) -> Empty:
        return memory

    def needs_now(self, memory: Empty) -> Need:
        return self.needs


METHODS = [SeenByStateless(), SeenBySolving(), SeenByWeighting()]


@pytest.mark.parametrize("method", [*METHODS, Every(SeenByStateless(), 2)], ids=lambda method: method.name)
def test_a_method_with_parameter_names_of_its_own_conforms(method: Weighting) -> None:
    broken = [result for result in check(method) if not result.passed]
    assert not broken
