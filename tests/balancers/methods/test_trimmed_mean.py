"""The trimmed mean against its definition, TorchJD, and the median."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import TrimmedMean as TorchJDTrimmedMean

from balancers import create
from balancers.methods import trimmed_mean as module
from balancers.step.products import combine
from tests.balancers.jacobians import KINDS, first_weights, regular
from tests.balancers.witness import witness
from tests.references.trimmed_mean import trimmed_mean


@witness("trimmed-mean", "transcription")
@given(st.integers(1, 12), st.sampled_from(sorted(KINDS)), st.floats(0, 0.49), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_it_is_the_mean_without_the_extremes(tasks: int, kind: str, beta: float, seed: int) -> None:
    rows = KINDS[kind](tasks, 7, seed)
    rows[tasks // 2 :, 2] = 0  # ties
    weights = first_weights(create("trimmed-mean", beta=beta), rows)
    each = weights if weights.dim() == 2 else weights[:, None]  # per task where nothing is left out
    trimmed = (tasks - int((each[:, 0] > 0).sum())) // 2
    assert trimmed >= beta * tasks - 1e-9 or tasks - 2 * trimmed in (1, 2)
    expected = trimmed_mean(rows.numpy(), trimmed)
    np.testing.assert_allclose(combine(weights, rows), expected, rtol=1e-12, atol=1e-12 * rows.abs().max().item())


@witness("trimmed-mean", "torchjd")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tasks", "trimmed"), [(3, 1), (10, 1), (10, 4), (30, 3)])
def test_it_is_torchjds_with_as_many_left_out(kind: str, tasks: int, trimmed: int) -> None:
    rows = KINDS[kind](tasks, 20, 1)
    weights = first_weights(create("trimmed-mean", beta=trimmed / tasks), rows)
    expected = TorchJDTrimmedMean(trimmed)(rows)
    torch.testing.assert_close(combine(weights, rows), expected, rtol=1e-9, atol=1e-12 * rows.abs().max().item())


@witness("trimmed-mean", "closed form")
@pytest.mark.parametrize("tasks", [1, 2, 3, 4, 7, 8])
def test_trimming_as_much_as_possible_is_the_median(tasks: int) -> None:
    rows = regular(tasks, 11, seed=tasks)
    weights = first_weights(create("trimmed-mean", beta=0.499), rows)
    np.testing.assert_allclose(combine(weights, rows), np.median(rows.numpy(), axis=0), rtol=1e-12)


@witness("trimmed-mean", "closed form")
def test_trimming_nothing_is_the_mean() -> None:
    rows = regular(5, 11, seed=0)
    torch.testing.assert_close(combine(first_weights(create("trimmed-mean", beta=0.0), rows), rows), rows.mean(0))


def test_seven_percent_of_a_hundred_tasks_are_seven_although_the_product_is_a_little_more() -> None:
    assert 0.07 * 100 > 7
    weights = first_weights(create("trimmed-mean", beta=0.07), regular(100, 4, seed=0))
    assert int((weights[:, 0] == 0).sum()) == 14


def test_a_task_gone_wild_has_no_say() -> None:
    rows = regular(3, 50, seed=4)
    wild = rows.clone()
    wild[1] = 1e12
    update = combine(first_weights(create("trimmed-mean"), wild), wild)
    assert (update.abs() <= rows[[0, 2]].abs().amax(0)).all()


def test_long_gradients_are_taken_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = regular(5, 50, seed=6)
    whole = first_weights(create("trimmed-mean", beta=0.2), rows)
    monkeypatch.setattr(module, "PIECE", 7)
    assert torch.equal(first_weights(create("trimmed-mean", beta=0.2), rows), whole)


@pytest.mark.parametrize("beta", [-0.1, 0.5, float("nan")])
def test_a_beta_that_would_leave_nothing_is_an_error(beta: float) -> None:
    with pytest.raises(ValueError, match="trimmed-mean: expected a beta of at least 0 and below 1/2"):
        create("trimmed-mean", beta=beta)
