"""Smooth Tchebycheff scalarization against another library, its official code's objective, and its limits."""

import jaxtyping
import pytest
import torch
from torchjd.scalarization import STCH

from balancers import Claim, create
from balancers.conformance import check
from tests.balancers.histories import losses_like, weights_at, weights_over
from tests.balancers.witness import witness
from tests.references.stch import official_stch


@witness("stch", "torchjd")
@pytest.mark.parametrize("mu", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("tasks", [1, 2, 6])
def test_the_weights_are_the_gradient_of_torchjds_scalarization(tasks: int, mu: float) -> None:
    losses = losses_like(1, tasks, seed=tasks)[0].requires_grad_(True)
    expected = torch.autograd.grad(STCH(mu)(losses), losses)[0]
    torch.testing.assert_close(weights_at(create("stch", mu=mu), losses.detach()), expected)


@witness("stch", "torchjd")
def test_a_preference_is_torchjds_on_the_simplex() -> None:
    losses = losses_like(1, 3, seed=5)[0].requires_grad_(True)
    preference = torch.tensor([0.2, 0.7, 0.1], dtype=torch.float64)
    expected = torch.autograd.grad(STCH(0.3, weights=preference)(losses), losses)[0]
    method = create("stch", mu=0.3, preference=(5 * preference).tolist())
    torch.testing.assert_close(weights_at(method, losses.detach()), expected)


@witness("stch", "transcription")
@pytest.mark.parametrize(("tasks", "mu", "warmup", "epoch"), [(3, 1.0, 4, 2), (2, 0.1, 0, 5), (40, 0.5, 1, 1)])
def test_the_official_flavour_follows_the_official_objective(tasks: int, mu: float, warmup: int, epoch: int) -> None:
    history = losses_like((warmup + 3) * epoch, tasks, seed=tasks)
    method = create("stch", mu=mu, flavour="official", warmup=warmup, epoch=epoch)
    torch.testing.assert_close(weights_over(method, history), official_stch(history, mu, warmup, epoch))


@witness("stch", "identity")
@pytest.mark.parametrize("mu", [1e-300, 1e-6])
def test_the_smooth_maximum_becomes_the_maximum(mu: float) -> None:
    losses = torch.tensor([1e12, 3e12, 3e12], dtype=torch.float64)
    torch.testing.assert_close(weights_at(create("stch", mu=mu), losses), weights_at(create("tchebycheff"), losses))


@witness("stch", "identity")
def test_the_official_flavour_at_its_default_has_the_direction_of_losses_in_units_of_the_nadir() -> None:
    nadir = torch.tensor([0.1, 2.0, 50.0], dtype=torch.float64)
    history = [nadir] * 5 + [torch.tensor([0.05, 3.0, 8.0], dtype=torch.float64)]
    weights = weights_over(create("stch", flavour="official", warmup=4, epoch=1), history)[-1]
    torch.testing.assert_close(weights / weights[0], nadir[0] / nadir)


@pytest.mark.parametrize("losses", [[0.0, 1.0], [0.0, 0.0], [1e-12, 1e12]])
def test_the_official_flavour_stays_finite_where_losses_or_nadir_are_zero(losses: list[float]) -> None:
    row = torch.tensor(losses, dtype=torch.float64)
    for nadir in (row, row + 1):
        weights = weights_over(create("stch", flavour="official", warmup=0, epoch=1, mu=0.01), [nadir, row, row])
        assert weights.isfinite().all()


@pytest.mark.parametrize("warmup", [0, 1])
def test_the_official_flavour_keeps_all_promises(warmup: int) -> None:
    method = create("stch", flavour="official", warmup=warmup, epoch=1)
    assert [result for result in check(method) if not result.passed] == []
    assert Claim.PERMUTATION_EQUIVARIANT in method.claims


@pytest.mark.parametrize(
    "bad",
    [
        {"mu": 0.0},
        {"flavour": "libmtl"},
        {"flavour": "official", "preference": [1.0, 2.0]},
        {"warmup": -1},
        {"epoch": 0},
        {"preference": [1.0, -1.0]},
    ],
)
def test_bad_hyperparameters_are_refused(bad: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="stch: expected"):
        create("stch", **bad)
