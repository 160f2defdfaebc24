"""LDC-MTL against the official script's objective, its first weights, and what its pull does to losses."""

import pytest
import torch

from balancers import Balancer, create
from balancers.conformance import check
from tests.balancers.histories import losses_like, weights_at, weights_over
from tests.balancers.witness import witness
from tests.references.ldc_mtl import ldc_mtl


@witness("ldc-mtl", "transcription")
@pytest.mark.parametrize("tasks", [1, 2, 3, 40])
@pytest.mark.parametrize(("discrepancy", "learning_rate"), [(0.01, 1e-3), (0.1, 0.05), (2.0, 0.05)])
def test_it_is_the_rule_of_the_official_script(tasks: int, discrepancy: float, learning_rate: float) -> None:
    history = losses_like(60, tasks, seed=tasks)
    weights = weights_over(create("ldc-mtl", discrepancy=discrepancy, learning_rate=learning_rate), history)
    expected = torch.stack(list(ldc_mtl(history, discrepancy, learning_rate)))
    torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-12)


@witness("ldc-mtl", "closed form")
def test_in_the_first_step_the_losses_that_stick_out_are_pulled_towards_their_neighbours() -> None:
    gate = torch.tensor(1.0, dtype=torch.float64).sigmoid()
    weights = weights_at(create("ldc-mtl", discrepancy=0.1), torch.tensor([1.0, 3.0, 2.0, 2.0], dtype=torch.float64))
    pulls = torch.tensor([-1.0, 2.0, -1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(weights, 0.25 + 0.1 * gate * pulls)


def test_without_a_pull_equal_losses_have_equal_weights_for_ever() -> None:
    history = torch.rand(200, 1, dtype=torch.float64).expand(-1, 5)
    weights = weights_over(create("ldc-mtl", discrepancy=0.0, learning_rate=0.01), history)
    torch.testing.assert_close(weights, torch.full_like(weights, 0.2))


def test_a_strong_pull_lowers_the_gate_of_the_larger_loss_alone() -> None:
    losses = torch.tensor([1.0, 4.0], dtype=torch.float64)
    weights = weights_over(create("ldc-mtl", discrepancy=10.0, learning_rate=0.01), [losses] * 50)
    assert weights[0, 0] < 0  # more than the mean of the losses asks for
    assert weights[-1, 1] < weights[0, 1]


def test_logits_that_fall_for_ever_leave_finite_weights() -> None:
    history = losses_like(400, 3, seed=0)
    weights = weights_over(create("ldc-mtl", learning_rate=5.0), history)
    assert weights.isfinite().all()
    torch.testing.assert_close(weights[-1].sum().item(), 1.0)


def test_the_neighbour_of_a_task_is_the_next_one_that_is_present() -> None:
    point = torch.zeros(1, requires_grad=True)
    balancer = Balancer("ldc-mtl", ["a", "b", "c"], discrepancy=0.1)
    weights = balancer.backward({"a": point.sum() + 1, "c": point.sum() + 2}, shared=[point])
    pull = 0.1 / (1 + torch.tensor(-1.0).exp())
    torch.testing.assert_close(weights.float(), torch.stack([0.5 - pull, 0 * pull, 0.5 + pull]))


def test_it_keeps_its_promises_with_a_strong_pull_too() -> None:
    assert [result for result in check(create("ldc-mtl", discrepancy=5.0)) if not result.passed] == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"discrepancy": -0.1}, "ldc-mtl: expected a discrepancy of at least 0, got -0.1"),
        ({"learning_rate": 0.0}, "ldc-mtl: expected a positive learning_rate, got 0.0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("ldc-mtl", **bad)
