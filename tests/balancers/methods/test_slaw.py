"""SLAW against its equations in exact arithmetic, and losses whose deviation is known."""

import numpy as np
import pytest
import torch

from balancers import create
from tests.balancers.histories import losses_like, weights_over
from tests.balancers.witness import witness
from tests.references.slaw import slaw


@witness("slaw", "transcription")
@pytest.mark.parametrize(("tasks", "beta"), [(1, 0.99), (3, 0.99), (4, 0.5), (2, 0.9)])
def test_the_weights_are_the_papers_word_for_word(tasks: int, beta: float) -> None:
    history = losses_like(40, tasks, seed=tasks)
    expected = torch.from_numpy(slaw(history.numpy(), beta))
    torch.testing.assert_close(weights_over(create("slaw", beta=beta), history), expected)


@witness("slaw", "closed form")
@pytest.mark.parametrize("level", [0.0, 1e6])
def test_losses_that_swing_by_a_known_amount_are_weighted_by_its_inverse(level: float) -> None:
    swings = torch.tensor([0.01, 1.0, 5.0], dtype=torch.float64)
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(20)
    weights = weights_over(create("slaw"), level + signs[:, None] * swings)[-1]
    inverse = 1 / swings
    torch.testing.assert_close(weights, 3 * inverse / inverse.sum(), rtol=1e-6, atol=0)


@witness("slaw", "closed form")
def test_noisy_gradients_of_unequal_norms_end_at_equal_weighted_norms() -> None:
    # To first order a loss varies by the product of its gradient and of where the noise of SGD has put the network.
    generator = np.random.default_rng(0)
    gradients = np.array([[1.0, 0.0], [0.0, 8.0], [0.3, 0.4]])
    losses = 20 + generator.normal(size=(4000, 2)) @ gradients.T
    weights = weights_over(create("slaw", beta=0.9999), torch.from_numpy(losses))[-1]
    weighted = weights.numpy() * np.linalg.norm(gradients, axis=1)
    np.testing.assert_allclose(weighted, weighted.mean(), rtol=0.04)


def test_a_task_whose_loss_never_varies_has_weight_1_and_leaves_the_rest_to_the_others() -> None:
    history = torch.tensor([[7.0, 1.0, 1.0], [7.0, 3.0, 2.0]], dtype=torch.float64)
    weights = weights_over(create("slaw"), history)
    torch.testing.assert_close(weights, torch.tensor([[1, 1, 1], [1, 2 / 3, 4 / 3]], dtype=torch.float64))


def test_a_beta_that_keeps_all_or_nothing_is_refused() -> None:
    for beta in (0.0, 1.0):
        with pytest.raises(ValueError, match="expected a beta between 0 and 1"):
            create("slaw", beta=beta)
