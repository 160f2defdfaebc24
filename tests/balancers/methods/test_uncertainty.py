"""Uncertainty weighting against its fixed point, the paper's objective trained by Adam, and another library."""

import pytest
import torch
from torchjd.scalarization import UW

from balancers import Balancer, Draws, Evidence, Sizes, create
from tests.balancers.histories import losses_like, weights_over
from tests.balancers.witness import witness


@witness("uncertainty", "optimality")
@pytest.mark.parametrize("losses", [[0.01, 1.0, 30.0], [4.0, 4.0, 4.0]])
def test_uncertainty_converges_to_half_the_inverse_losses(losses: list[float]) -> None:
    values = torch.tensor(losses, dtype=torch.float64)
    weights = weights_over(create("uncertainty"), [values] * 2501)[-1]
    torch.testing.assert_close(weights, 1 / (2 * values), rtol=1e-3, atol=0)


@witness("uncertainty", "transcription")
def test_uncertainty_is_the_joint_minimum_of_the_papers_objective() -> None:
    values = torch.tensor([0.3, 7.0], dtype=torch.float64)
    log_variances = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([log_variances], lr=0.025)
    method = create("uncertainty")
    state = method.init(Sizes(2))
    for _ in range(50):
        optimizer.zero_grad()
        (0.5 * torch.exp(-log_variances) * values + 0.5 * log_variances).sum().backward()
        optimizer.step()
        _, state = method.update(Evidence(values), state, Draws.seeded(0))
    torch.testing.assert_close(state.log_variances, log_variances.detach(), rtol=1e-5, atol=1e-6)


@witness("uncertainty", "torchjd")
def test_the_weights_are_torchjds_trained_by_adam() -> None:
    history = losses_like(60, 4, seed=0)
    theirs = UW(4).double()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.025)
    for losses, ours in zip(history, weights_over(create("uncertainty"), history), strict=True):
        losses = losses.clone().requires_grad_(True)  # noqa: PLW2901
        optimizer.zero_grad()
        theirs(losses).backward()
        assert losses.grad is not None
        torch.testing.assert_close(ours, losses.grad, rtol=1e-5, atol=0)
        optimizer.step()


def test_uncertainty_cannot_be_given_weight_decay_and_trains_by_itself() -> None:
    balancer = Balancer("uncertainty", 2)
    assert list(balancer.parameters()) == []
    point = torch.ones(2, requires_grad=True)
    before = balancer.state[0].clone()
    balancer.backward(3 * point.square(), shared=[point])
    assert not torch.equal(before, balancer.state[0])
