"""UW-SO against its closed form, its limits, and the objective whose optimum it starts from."""

import numpy as np
import pytest
import torch

from balancers import create
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
    weights = weights_at(create("analytic-uncertainty"), torch.tensor(losses, dtype=torch.float64))
    assert weights.tolist() == expected


def test_a_temperature_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a positive temperature, got 0"):
        create("analytic-uncertainty", temperature=0.0)
