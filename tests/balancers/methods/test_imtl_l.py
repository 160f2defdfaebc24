"""IMTL-L against its fixed point, another library, and the method that has the same objective."""

import pytest
import torch
from torchjd.scalarization import IMTLL

from balancers import Balancer, create
from tests.balancers.histories import losses_like, weights_over
from tests.balancers.witness import witness


@witness("imtl-l", "optimality")
@pytest.mark.parametrize("losses", [[0.01, 1.0, 30.0], [4.0, 4.0, 4.0]])
def test_the_scales_converge_to_the_inverse_losses(losses: list[float]) -> None:
    values = torch.tensor(losses, dtype=torch.float64)
    weights = weights_over(create("imtl-l"), [values] * 2500)[-1]
    torch.testing.assert_close(weights, 1 / values, rtol=1e-3, atol=0)


@witness("imtl-l", "torchjd")
def test_the_scales_are_torchjds_trained_by_adam() -> None:
    history = losses_like(60, 4, seed=0)
    theirs = IMTLL(4).double()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.025)
    weights = weights_over(create("imtl-l"), history)
    for losses, ours in zip(history, weights, strict=True):
        losses = losses.clone().requires_grad_(True)  # noqa: PLW2901
        optimizer.zero_grad()
        theirs(losses).backward()
        assert losses.grad is not None
        torch.testing.assert_close(ours, losses.grad, rtol=1e-5, atol=0)
        optimizer.step()


@witness("imtl-l", "identity")
def test_the_weights_are_twice_those_of_uncertainty_in_every_step() -> None:
    history = losses_like(100, 3, seed=1)
    torch.testing.assert_close(
        weights_over(create("imtl-l"), history), 2 * weights_over(create("uncertainty"), history)
    )


@pytest.mark.parametrize("loss", [0.0, 1e12])
def test_weights_stay_within_single_precision_whatever_a_loss_does(loss: float) -> None:
    history = torch.full((50, 1), loss, dtype=torch.float64)
    weights = weights_over(create("imtl-l", learning_rate=10.0), history).float()
    assert weights.isfinite().all()
    assert (weights > 0).all()


def test_no_weight_decay_reaches_the_scales() -> None:
    assert list(Balancer("imtl-l", 2).parameters()) == []
    with pytest.raises(ValueError, match="expected a positive learning_rate"):
        create("imtl-l", learning_rate=-1.0)
