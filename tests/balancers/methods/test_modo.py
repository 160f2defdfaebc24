"""MoDo against its algorithm, TorchJD, and the min-norm point that it follows."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torchjd.aggregation import MoDoWeighting

from balancers import Balancer, Draws, Evidence, Sizes, Weighting, create
from balancers.contract.evidence import as_answer
from tests.balancers.jacobians import KINDS, evidence_from, regular
from tests.balancers.witness import witness
from tests.references.modo import modo
from tests.references.simplex import gap


def crossed(first: Tensor, second: Tensor) -> Evidence:
    return Evidence(torch.ones(len(first), dtype=torch.float64), measured_cross_gramian=first @ second.T)


def play(weighting: Weighting, run: list[Evidence]) -> Iterator[Tensor]:
    *batch, tasks = run[0].losses.shape
    state = weighting.init(Sizes(tasks, batch=tuple(batch)))
    for shown in run:
        answer, state = weighting.update(shown, state, Draws.seeded(0))
        yield as_answer(answer).weights


def pairs(kind: str, tasks: int = 4, steps: int = 6) -> list[tuple[Tensor, Tensor]]:
    """Gradients of two batches in every step: equal in the main, with noise of their own."""
    rows = KINDS[kind](tasks, 9, 0)
    size = rows.norm(dim=1, keepdim=True)
    return [
        (rows + size * regular(tasks, 9, 2 * step + 1) / 9, rows + size * regular(tasks, 9, 2 * step + 2) / 9)
        for step in range(steps)
    ]


@witness("modo", "transcription")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("gamma", "rho"), [(0.1, 0.1), (0.001, 0.0), (0.5, 2.0)])
def test_it_is_the_papers_algorithm(kind: str, gamma: float, rho: float) -> None:
    run = pairs(kind)
    weights_by_step = play(create("modo", gamma=gamma, rho=rho), [crossed(*pair) for pair in run])
    expected = modo([(first.numpy(), second.numpy()) for first, second in run], gamma, rho)
    for weights, want in zip(weights_by_step, expected, strict=True):
        np.testing.assert_allclose(weights, want, rtol=0, atol=1e-9)


@witness("modo", "torchjd")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tasks", [1, 2, 5])
def test_it_is_torchjds(kind: str, tasks: int) -> None:
    theirs = MoDoWeighting(gamma=0.05, rho=0.2)
    run = pairs(kind, tasks)
    for weights, pair in zip(play(create("modo", gamma=0.05, rho=0.2), [crossed(*p) for p in run]), run, strict=True):
        torch.testing.assert_close(weights, theirs(pair[0] @ pair[1].T), rtol=0, atol=1e-9)


@witness("modo", "optimality")
@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_on_exact_gradients_it_ends_at_the_min_norm_point(rho: float) -> None:
    rows = torch.stack([kind(4, 9, 2) / 6 for name, kind in KINDS.items() if name != "spread"])  # all kinds at once
    *_, last = play(create("modo", gamma=1.0, rho=rho), [evidence_from(rows)] * 1500)
    for gramian, weights in zip((rows @ rows.mT).numpy() + rho * np.eye(4), last.numpy(), strict=True):
        assert np.linalg.eigvalsh(gramian).max() < 2  # or the steps would be too long
        assert gap(weights, gramian @ weights) < 1e-9 * gramian.max()


@witness("modo", "closed form")
@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_of_two_tasks_it_finds_the_minimum_on_their_segment(rho: float) -> None:
    rows = torch.stack([regular(2, 3, seed) for seed in range(8)])
    gramian = rows @ rows.mT + rho * torch.eye(2, dtype=torch.float64)
    (first, mixed), (_, second) = gramian.movedim(0, -1)
    shares = ((second - mixed) / (first + second - 2 * mixed)).clamp(0, 1)
    *_, last = play(create("modo", gamma=0.1, rho=rho), [evidence_from(rows)] * 900)
    torch.testing.assert_close(last, torch.stack([shares, 1 - shares], -1), rtol=0, atol=1e-9)


def linear(rows: Tensor, point: Tensor) -> list[Tensor]:
    return list((rows @ point).unbind())


@pytest.mark.parametrize("extra", [1, 2])
def test_the_update_is_the_first_batchs_and_the_weights_cross_the_last_two(extra: int) -> None:
    point = torch.zeros(4, requires_grad=True)
    batches = [regular(3, 4, seed).float() for seed in range(1 + extra)]
    first, *others = (linear(rows, point) for rows in batches)
    weights = Balancer("modo", 3).backward(first, shared=[point], others=others)
    (expected,) = play(create("modo"), [crossed(batches[-2].double(), batches[-1].double())])
    torch.testing.assert_close(weights, expected.float())
    assert point.grad is not None
    torch.testing.assert_close(point.grad, weights @ batches[0])


def test_an_absent_task_does_not_disturb_the_others_and_keeps_its_share() -> None:
    point = torch.zeros(4, requires_grad=True)
    batches = [regular(3, 4, seed).float() for seed in range(3)]
    first, *others = (linear(rows, point) for rows in batches)
    balancer = Balancer("modo", 3)
    weights = balancer.backward(first, shared=[point], present=[True, False, True], others=others)
    first, *others = (linear(rows[[0, 2]], point) for rows in batches)
    expected = Balancer("modo", 2).backward(first, shared=[point], others=others)
    assert torch.equal(weights[[0, 2]], expected)
    assert weights[1] == 0
    assert balancer.state[0][1] == 1
    torch.testing.assert_close(balancer.state[0].sum(), torch.tensor(3.0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"gamma": 0.0}, "modo: expected a positive gamma, got 0.0"),
        ({"rho": -1.0}, "modo: expected a rho of at least 0, got -1.0"),
    ],
)
def test_bad_values_are_errors(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create("modo", **bad)
