"""IMTL-G against the paper's closed form, equal projections, another library, and ConFIG."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import IMTLGWeighting

from balancers import Certificate, Draws, Sizes, create
from balancers.methods.imtl_g import IMTLG
from balancers.step.products import gramian_of
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, friendly, regular, strongly_stationary
from tests.balancers.witness import witness
from tests.references.imtl_g import imtl_g

FULL_RANK = ["regular", "friendly", "spread"]


def projections(weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return rows @ (weights @ rows) / rows.norm(dim=-1)


@witness("imtl-g", "transcription")
@given(st.sampled_from(FULL_RANK), st.integers(2, 7), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_it_is_the_papers_closed_form_where_that_descends(kind: str, tasks: int, seed: int) -> None:
    rows = KINDS[kind](tasks, 30, seed)
    expected = imtl_g(rows.numpy())
    if projections(torch.from_numpy(expected), rows).mean() <= 0:
        expected = -expected / np.abs(expected).sum()  # the guard: the same line, the other way
    weights = first_weights(IMTLG(), rows).numpy()
    np.testing.assert_allclose(weights, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@witness("imtl-g", "optimality")
@given(st.sampled_from(FULL_RANK), st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_projections_are_equal_and_positive(kind: str, tasks: int, seed: int) -> None:
    rows = KINDS[kind](tasks, 40, seed)
    solution = IMTLG().solve(evidence_from(rows), Draws.seeded(0))
    equal = projections(solution.point, rows)
    assert (equal > 0).all()
    torch.testing.assert_close(equal, equal.mean().expand(tasks), rtol=1e-6, atol=0)
    if solution.solved:
        assert float(solution.point.sum()) == pytest.approx(1)
        assert solution.residual < 1e-12


@witness("imtl-g", "closed form")
@pytest.mark.parametrize("seed", range(5))
def test_two_tasks_are_weighted_by_the_other_norm(seed: int) -> None:
    rows = KINDS["spread"](2, 6, seed)
    norms = rows.norm(dim=-1)
    torch.testing.assert_close(first_weights(IMTLG(), rows), norms.flip(0) / norms.sum())


@witness("imtl-g", "torchjd")
@pytest.mark.parametrize("kind", ["regular", "friendly"])
@pytest.mark.parametrize("tasks", [2, 3, 5, 9])
def test_it_is_torchjds_where_that_descends(tasks: int, kind: str) -> None:
    rows = KINDS[kind](tasks, 60, tasks)
    expected = IMTLGWeighting()(gramian_of(rows))
    assert (projections(expected, rows) > 0).all()
    torch.testing.assert_close(first_weights(IMTLG(), rows), expected)


@witness("imtl-g", "identity")
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_the_direction_is_that_of_config(tasks: int, kind: str) -> None:
    rows = KINDS[kind](tasks, 20, 7)
    ours, theirs = (first_weights(create(name), rows) @ rows for name in ("imtl-g", "config"))
    lengths = ours.norm() * theirs.norm()
    assert abs(ours @ theirs) == pytest.approx(float(lengths), rel=1e-6)


def test_weights_that_would_increase_every_loss_are_turned_around() -> None:
    # Two long gradients near to each other and a short one nearly between them: the paper's weights sum to 1 only
    # along the vector that has negative projections on all three.
    rows = torch.tensor([[1.0, 1.0, 0.1], [1.0, -1.0, 0.1], [0.1, 0.0, 0.0]], dtype=torch.float64)
    papers = torch.from_numpy(imtl_g(rows.numpy()))
    assert (projections(papers, rows) < 0).all()
    method = IMTLG()
    solution = method.solve(evidence_from(rows), Draws.seeded(0))
    assert not solution.solved
    assert (projections(solution.point, rows) > 0).all()
    assert float(solution.point.abs().sum()) == pytest.approx(1)
    _, books = method.update(evidence_from(rows), method.init(Sizes(3)), Draws.seeded(0))
    assert books == Certificate(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64))


def test_two_opposite_gradients_get_no_weight_and_one_beside_them_all() -> None:
    rows = torch.tensor([[1.0, 0, 0], [-2.0, 0, 0], [0, 0, 5.0]], dtype=torch.float64)
    pair = IMTLG().solve(evidence_from(rows[:2]), Draws.seeded(0))
    assert not pair.solved
    assert pair.point.tolist() == [0, 0]
    three = IMTLG().solve(evidence_from(rows), Draws.seeded(0))
    assert not three.solved
    torch.testing.assert_close(three.point, torch.tensor([0.0, 0, 1], dtype=torch.float64))


def test_equal_gradients_are_solved_although_their_gramian_is_singular() -> None:
    rows = regular(3, 12, seed=1)
    solution = IMTLG().solve(evidence_from(torch.cat([rows, rows[:1]])), Draws.seeded(0))
    assert solution.solved
    alone = first_weights(IMTLG(), rows)
    expected = torch.cat([alone[:1] / 2, alone[1:], alone[:1] / 2])
    torch.testing.assert_close(solution.point, expected)


@pytest.mark.parametrize("tasks", [2, 3, 6])
def test_gradients_that_no_vector_serves_alike_are_counted(tasks: int) -> None:
    solution = IMTLG().solve(evidence_from(strongly_stationary(tasks, 12, seed=3)), Draws.seeded(0))
    assert not solution.solved
    assert solution.point.isfinite().all()


def test_norms_over_twelve_decades_do_no_harm() -> None:
    scales = torch.logspace(-6, 6, 5, dtype=torch.float64)[:, None]
    rows = friendly(5, 30, seed=2)
    weights = first_weights(IMTLG(), rows * scales)
    expected = first_weights(IMTLG(), rows) / scales.squeeze(-1)
    torch.testing.assert_close(weights, expected / expected.sum(), rtol=1e-9, atol=0)
