"""Krum against the paper's scores, another library, and gradients that lie close together."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchjd.aggregation import KrumWeighting

from balancers import create
from balancers.methods.krum import Krum
from balancers.step.products import gramian_of
from tests.balancers.jacobians import KINDS, first_weights, regular
from tests.balancers.witness import witness
from tests.references.krum import multi_krum, scores


@witness("krum", "transcription")
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_it_is_the_papers_selection_where_no_scores_tie(kind: str, f: int, more: int, m: int, seed: int) -> None:
    tasks = f + 3 + more
    rows = KINDS[kind](tasks, 9, seed)
    ranked = np.sort(scores(rows.numpy(), f))
    if m < tasks:
        assume(ranked[m] - ranked[m - 1] > 1e-6 * ranked[m])
    expected = multi_krum(rows.numpy(), f, m)
    update = (first_weights(Krum(f, m), rows) @ rows).numpy()
    np.testing.assert_allclose(update, expected, rtol=1e-9, atol=1e-12 * float(rows.abs().max()))


@witness("krum", "torchjd")
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("f", [0, 1, 4])
def test_it_is_torchjds_where_squares_make_no_difference(f: int, kind: str) -> None:
    # With one nearest neighbour, squared distances rank as distances do, and two that are nearest tie: both are taken.
    rows = KINDS[kind](f + 3, 20, f)
    expected = KrumWeighting(n_byzantine=f, n_selected=2)(gramian_of(rows))
    torch.testing.assert_close(first_weights(Krum(f, m=2), rows), expected)


@witness("krum", "closed form")
def test_an_outlier_is_never_taken() -> None:
    rows = torch.tensor([[1.0, 0.0], [1.1, 0.0], [0.9, 0.1], [1.0, 0.2], [-50.0, 9.0]], dtype=torch.float64)
    # With f = 1 two neighbours count: squared distances 0.01 + 0.02, 0.01 + 0.05, 0.02 + 0.02 and 0.02 + 0.04.
    assert first_weights(Krum(f=1), rows).tolist() == [1, 0, 0, 0, 0]
    assert first_weights(Krum(f=1, m=2), rows).tolist() == [0.5, 0, 0.5, 0, 0]


@witness("krum", "closed form")
def test_those_that_tie_share_what_weight_is_left() -> None:
    rows = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    assert first_weights(Krum(), rows).tolist() == [0.5, 0.5, 0]
    assert first_weights(Krum(m=2), rows).tolist() == [0.5, 0.5, 0]
    assert first_weights(Krum(), rows[:2]).tolist() == [0.5, 0.5]
    assert first_weights(Krum(m=2), torch.eye(3, dtype=torch.float64)).tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("tasks", [1, 2, 4])
def test_more_selected_than_there_are_is_the_mean(tasks: int) -> None:
    weights = first_weights(Krum(f=2, m=9), regular(tasks, 5, seed=tasks))
    torch.testing.assert_close(weights, torch.full((tasks,), 1 / tasks, dtype=torch.float64))


def test_numbers_that_are_not_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="expected f to be a whole number of at least 0"):
        create("krum", f=-1)
    with pytest.raises(ValueError, match="expected m to be a whole number of at least 1"):
        create("krum", m=0)
