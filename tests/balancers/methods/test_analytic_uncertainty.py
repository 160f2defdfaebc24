"""UW-SO against its closed form, its limits, and the objective whose optimum it starts from."""

import numpy as np
import pytest
import torch

from balancers import create
from balancers.conformance import check
from tests.balancers.histories import losses_like, weights_at
from tests.balancers.witness import witness


@witness("analytic-uncertainty", "closed form")
@pytest.mark.parametrize("temperature", [0.1, 1.0, 30.0])
def test_two_tasks_share_by_a_sigmoid(temperature: float) -> None:
    losses = torch.tensor([0.4, 2.5], dtype=torch.float64)
    first = 1 / (1 + np.exp(-(1 / 0.4 - 1 / 2.5) / temperature))
    weights = weights_at(create("analytic-uncertainty", temperature=temperature), losses)
    torch.testing.assert_close(weights, torch.tensor([first, 1 - first], dtype=torch.float64))


@witness("analytic-uncertainty", "optimality")
def test_the_softmax_is_one_of_the_weights_at_optimal_uncertainties() -> None:
    # For an absolute error the objective is loss / sigma + log sigma, and 1 / sigma the weight that it gives a task.
    losses = losses_like(1, 5, seed=0)[0]
    weights = weights_at(create("analytic-uncertainty", temperature=3.0), losses)
    optimal = 3.0 * (weights.log() - weights[0].log()) + 1 / losses[0]  # a softmax is known up to a constant
    sigma = (1 / optimal).requires_grad_(True)
    slope = torch.autograd.grad((losses / sigma + sigma.log()).sum(), sigma)[0]
    torch.testing.assert_close(slope * sigma.detach(), torch.zeros_like(slope), rtol=0, atol=1e-9)


@witness("analytic-uncertainty", "transcription")
@pytest.mark.parametrize("tasks", [1, 3, 100])
def test_the_weights_are_the_papers_word_for_word(tasks: int) -> None:
    losses = losses_like(1, tasks, seed=tasks)[0].numpy()
    terms = [np.exp((1 / loss) / 2.0) for loss in losses]
    expected = torch.tensor([term / sum(terms) for term in terms], dtype=torch.float64)
    weights = weights_at(create("analytic-uncertainty", temperature=2.0), torch.from_numpy(losses))
    torch.testing.assert_close(weights, expected)


@witness("analytic-uncertainty", "closed form")
@pytest.mark.parametrize("scale", [1e-12, 0.01, 1.0, 1e12])
def test_small_losses_share_as_large_ones_do(scale: float) -> None:
    losses = scale * torch.tensor([1.0, 2.0], dtype=torch.float64)
    first = 1 / (1 + np.exp(-(1 - 1 / 2)))
    expected = torch.tensor([first, 1 - first], dtype=torch.float64)
    torch.testing.assert_close(weights_at(create("analytic-uncertainty"), losses), expected)


def test_a_temperature_of_one_gives_all_weight_to_one_of_two_small_losses() -> None:
    losses = torch.tensor([0.01, 0.02], dtype=torch.float64)
    weights = weights_at(create("analytic-uncertainty", temperature=1.0), losses)
    assert weights.tolist() == [1, pytest.approx(np.exp(-50))]


@pytest.mark.parametrize("relative", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_relative_temperature_is_in_units_of_the_inverse_of_the_smallest_loss(relative: float, seed: int) -> None:
    losses = losses_like(1, 6, seed)[0]
    absolute = create("analytic-uncertainty", temperature=relative / losses.min().item())
    weights = weights_at(create("analytic-uncertainty", relative_temperature=relative), losses)
    torch.testing.assert_close(weights, weights_at(absolute, losses))


@pytest.mark.parametrize("tasks", [2, 40])
@pytest.mark.parametrize("relative", [0.1, 1.0, 10.0])
def test_no_weight_is_more_than_the_stated_number_of_times_another(tasks: int, relative: float) -> None:
    losses = torch.logspace(-30, 30, tasks, dtype=torch.float64)
    weights = weights_at(create("analytic-uncertainty", relative_temperature=relative), losses)
    torch.testing.assert_close(weights.max() / weights.min(), torch.tensor(1 / relative).double().exp())


def test_a_task_at_loss_zero_has_no_part_in_the_unit_of_the_temperature() -> None:
    losses = torch.tensor([0.0, 2.0, 4.0], dtype=torch.float64)
    weights = weights_at(create("analytic-uncertainty"), losses)
    assert weights[0] == 0
    torch.testing.assert_close(weights[1:], weights_at(create("analytic-uncertainty"), losses[1:]))


def test_replicas_have_temperatures_of_their_own() -> None:
    losses = torch.tensor([[0.01, 0.02, 0.08], [100.0, 300.0, 200.0]], dtype=torch.float64)
    weights = weights_at(create("analytic-uncertainty"), losses)
    for replica, row in zip(weights, losses, strict=True):
        torch.testing.assert_close(replica, weights_at(create("analytic-uncertainty"), row))


@pytest.mark.parametrize("settings", [{}, {"relative_temperature": 0.1}, {"temperature": 2.0}])
def test_it_keeps_every_promise_with_either_temperature(settings: dict[str, float]) -> None:
    method = create("analytic-uncertainty", **settings)
    assert method.degree == (None if "temperature" in settings else 1)
    assert [result for result in check(method) if not result.passed] == []


def test_the_temperature_leads_from_one_task_to_equal_weights() -> None:
    losses = torch.tensor([3.0, 0.7, 1.0], dtype=torch.float64)
    cold, hot = (weights_at(create("analytic-uncertainty", temperature=t), losses) for t in (1e-300, 1e9))
    assert cold.tolist() == [0, 1, 0]
    torch.testing.assert_close(hot, torch.full((3,), 1 / 3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [([0.0, 2.0, 2.0], [0.0, 0.5, 0.5]), ([0.0, 0.0], [0.5, 0.5]), ([1e-12, 1.0], [1.0, 0.0])],
)
def test_tiny_losses_and_zeros_give_finite_weights(losses: list[float], expected: list[float]) -> None:
    weights = weights_at(create("analytic-uncertainty", temperature=1.0), torch.tensor(losses, dtype=torch.float64))
    assert weights.tolist() == expected


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.0, 2.0, 2.0], [0.0, 0.5, 0.5]),
        ([0.0, 0.0], [0.5, 0.5]),
        ([1e-12, 1.0], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))]),
    ],
)
def test_relative_to_the_losses_tiny_ones_and_zeros_give_finite_weights(
    losses: list[float], expected: list[float]
) -> None:
    weights = weights_at(create("analytic-uncertainty"), torch.tensor(losses, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float64))


def test_a_temperature_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a positive temperature, got 0"):
        create("analytic-uncertainty", temperature=0.0)
    with pytest.raises(ValueError, match="expected a positive relative_temperature, got inf"):
        create("analytic-uncertainty", relative_temperature=float("inf"))
