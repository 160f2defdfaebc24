"""Aligned-MTL against the Procrustes problem that it solves, another library, and gradients that are orthogonal."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import AlignedMTLWeighting

from balancers import Draws, create
from balancers.methods.aligned_mtl import AlignedMTL, Scale
from balancers.step.products import gramian_of
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, regular
from tests.balancers.witness import witness
from tests.references.aligned_mtl import aligned

SCALES = get_args(Scale)


@witness("aligned-mtl", "transcription")
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(SCALES), st.integers(2, 8), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_it_is_the_mean_of_the_aligned_gradients(kind: str, scale: Scale, tasks: int, seed: int) -> None:
    rows = KINDS[kind](tasks, 20, seed)
    expected = aligned(rows.numpy(), scale)
    for flavour, wanted in (("paper", expected.mean(axis=0)), ("official", expected.sum(axis=0))):
        update = (first_weights(create("aligned-mtl", scale=scale, flavour=flavour), rows) @ rows).numpy()
        np.testing.assert_allclose(update, wanted, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@witness("aligned-mtl", "torchjd")
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("tasks", [2, 3, 5, 8])
def test_it_is_torchjds_on_gradients_of_every_kind(tasks: int, scale: Scale, kind: str) -> None:
    rows = KINDS[kind](tasks, 40, tasks)
    expected = AlignedMTLWeighting(scale_mode=scale)(gramian_of(rows)) @ rows
    update = first_weights(AlignedMTL(scale), rows) @ rows
    torch.testing.assert_close(update, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@witness("aligned-mtl", "closed form")
def test_orthogonal_gradients_are_cut_to_the_shortest() -> None:
    rows = torch.diag(torch.tensor([2.0, 0.5, 10.0], dtype=torch.float64))
    torch.testing.assert_close(first_weights(AlignedMTL(), rows) @ rows, torch.full((3,), 0.5 / 3, dtype=torch.float64))
    rmse = (104.25 / 3) ** 0.5
    torch.testing.assert_close(
        first_weights(AlignedMTL("rmse"), rows) @ rows, torch.full((3,), rmse / 3, dtype=torch.float64)
    )


@witness("aligned-mtl", "closed form")
@pytest.mark.parametrize("seed", range(5))
def test_two_tasks_have_a_closed_form(seed: int) -> None:
    # G^(-1/2) = (G + sqrt(det G) I)^-1 sqrt(tr G + 2 sqrt(det G)) for a 2x2 matrix.
    rows = regular(2, 6, seed)
    gramian = gramian_of(rows)
    root = gramian.det().sqrt()
    identity = torch.eye(2, dtype=torch.float64)
    inverse = torch.linalg.inv(gramian + root * identity) * (gramian.trace() + 2 * root).sqrt()
    smallest = torch.linalg.eigvalsh(gramian)[0].sqrt()
    expected = smallest * inverse @ torch.full((2,), 0.5, dtype=torch.float64)
    torch.testing.assert_close(first_weights(AlignedMTL(), rows), expected)


def test_a_short_gradient_is_not_taken_for_a_missing_one() -> None:
    rows = torch.eye(3, dtype=torch.float64) * torch.tensor([1.0, 1e-5, 1e-9], dtype=torch.float64)[:, None]
    expected = torch.full((3,), 1e-9 / 3, dtype=torch.float64)
    torch.testing.assert_close(first_weights(AlignedMTL(), rows) @ rows, expected, rtol=1e-6, atol=0)


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_every_set_of_gradients_has_a_solution_with_a_small_residual(kind: str, tasks: int, seed: int) -> None:
    solution = AlignedMTL().solve(evidence_from(KINDS[kind](tasks, 12, seed)), Draws.seeded(0))
    assert solution.solved
    assert solution.residual < 1e-7


def test_values_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="scale"):
        create("aligned-mtl", scale="max")
    with pytest.raises(ValueError, match="flavour"):
        create("aligned-mtl", flavour="ours")
