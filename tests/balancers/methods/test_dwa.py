"""Dynamic weight average against the paper's equation epoch by epoch and another library."""

import numpy as np
import pytest
import torch
from torchjd.scalarization import DWA

from balancers import Draws, Evidence, Sizes, create
from balancers.conformance import check
from balancers.contract.evidence import as_answer
from balancers.step.absent_tasks import update_present
from tests.balancers.histories import losses_like, weights_over
from tests.balancers.witness import witness
from tests.references.dwa import dwa


@witness("dwa", "transcription")
@pytest.mark.parametrize(("tasks", "period", "temperature"), [(1, 3, 2.0), (2, 1, 2.0), (5, 4, 0.3), (100, 2, 2.0)])
def test_the_weights_are_the_papers_in_every_epoch(tasks: int, period: int, temperature: float) -> None:
    epochs = losses_like(6 * period, tasks, seed=tasks).numpy().reshape(6, period, tasks)
    expected = np.repeat(dwa(epochs, temperature), period, axis=0)
    method = create("dwa", period=period, temperature=temperature)
    weights = weights_over(method, torch.from_numpy(epochs.reshape(-1, tasks)))
    torch.testing.assert_close(weights, torch.from_numpy(expected))


@witness("dwa", "torchjd")
def test_the_weights_are_torchjds() -> None:
    history = losses_like(40, 3, seed=7)
    theirs = DWA(temperature=2.0)
    for step, (losses, ours) in enumerate(zip(history, weights_over(create("dwa", period=8), history), strict=True)):
        losses = losses.clone().requires_grad_(True)  # noqa: PLW2901
        torch.testing.assert_close(ours, torch.autograd.grad(theirs(losses), losses)[0])
        if step % 8 == 7:
            theirs.step()


@witness("dwa", "closed form")
def test_two_tasks_share_by_a_sigmoid_of_how_differently_they_fall() -> None:
    history = torch.tensor([[1.0, 4.0], [0.5, 4.0], [9.0, 9.0]], dtype=torch.float64)
    weights = weights_over(create("dwa", period=1), history)[2]
    first = 2 / (1 + np.exp((1 - 0.5) / 2))
    torch.testing.assert_close(weights, torch.tensor([first, 2 - first], dtype=torch.float64))


def test_losses_of_zero_and_of_any_size_give_finite_weights() -> None:
    history = torch.tensor([[0.0, 1e-12], [1.0, 1e12], [0.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    weights = weights_over(create("dwa", period=1), history)
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum(-1), torch.full((5,), 2.0, dtype=torch.float64))
    assert weights[2].tolist() == [0, 2]  # the first task began at 0 and counts as unchanged, the second exploded


def test_a_task_that_is_absent_for_a_while_keeps_its_own_periods() -> None:
    method = create("dwa", period=1)
    state, draws = method.init(Sizes(2)), Draws.seeded(0)
    both, first = torch.tensor([0, 1]), torch.tensor([0])
    for losses, present in [([8.0, 4.0], both), ([4.0], first), ([2.0], first), ([1.0, 3.0], both)]:
        evidence = Evidence(torch.tensor(losses, dtype=torch.float64))
        _, state = update_present(method, evidence, state, draws, present)
    answer, _ = method.update(Evidence(torch.ones(2, dtype=torch.float64)), state, draws)
    expected = 2 * torch.softmax(torch.tensor([1 / 2, 3 / 4], dtype=torch.float64) / 2, -1)
    torch.testing.assert_close(as_answer(answer).weights, expected)


def test_all_promises_hold_while_the_weights_change() -> None:
    assert [result for result in check(create("dwa", period=1)) if not result.passed] == []


@pytest.mark.parametrize("bad", [{"period": 0}, {"temperature": 0.0}])
def test_bad_hyperparameters_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="dwa: expected"):
        create("dwa", **bad)
