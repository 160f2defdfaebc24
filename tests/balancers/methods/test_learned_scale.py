"""The two methods that learn the logarithm of a scale, against the formulas of each written out, bit for bit."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from balancers import Draws, Evidence, Sizes, create
from balancers.contract.evidence import as_answer
from balancers.solvers.adam import adam_step
from tests.balancers.histories import losses_like

RATE = 0.025


def imtl_l(logs: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    return torch.exp(logs), torch.exp(logs) * losses - 1


def uncertainty(logs: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    return 0.5 * torch.exp(-logs), 0.5 - 0.5 * torch.exp(-logs) * losses


FIELDS = {
    "imtl-l": ("log_scales", "first", "second", "steps"),
    "uncertainty": ("log_variances", "first", "second", "steps"),
}


@pytest.mark.parametrize(("name", "formula"), [("imtl-l", imtl_l), ("uncertainty", uncertainty)])
def test_weights_and_state_are_those_of_the_formulas(
    name: str, formula: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> None:
    method = create(name)
    state = method.init(Sizes(3))
    logs = first = second = steps = torch.zeros(3, dtype=torch.float64)
    for losses in losses_like(60, 3, seed=2):
        expected, slope = formula(logs, losses)
        steps = steps + 1
        direction, first, second = adam_step(slope, first, second, steps)
        logs = (logs - RATE * direction).clamp(-80, 80)
        weights, state = method.update(Evidence(losses), state, Draws.seeded(0))
        assert torch.equal(as_answer(weights).weights, expected)
        assert all(map(torch.equal, state, (logs, first, second, steps)))
        assert state._fields == FIELDS[name]
