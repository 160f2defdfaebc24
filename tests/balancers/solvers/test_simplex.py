"""The projection onto the simplex, against its definition and against two other algorithms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation._utils.simplex import project_onto_simplex as torchjd_projection

from balancers.solvers.simplex import project_onto_simplex, shares
from tests.references.simplex import projection


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


points = st.lists(st.floats(-3, 3), min_size=1, max_size=12).map(lambda values: vector(*values))


@given(points)
@settings(max_examples=200, deadline=None)
def test_the_projection_lies_on_the_simplex_and_nothing_on_it_is_nearer(point: Tensor) -> None:
    nearest = project_onto_simplex(point)
    assert (nearest >= 0).all()
    torch.testing.assert_close(nearest.sum(), vector(1)[0])
    # The angle between the way to the point and the way to any corner is not acute.
    towards_corners = torch.eye(len(point), dtype=torch.float64) - nearest
    assert (towards_corners @ (point - nearest) <= 1e-12).all()


@given(points)
@settings(max_examples=100, deadline=None)
def test_bisection_and_another_library_find_the_same_point(point: Tensor) -> None:
    nearest = project_onto_simplex(point)
    np.testing.assert_allclose(nearest.numpy(), projection(point.numpy()), rtol=0, atol=1e-12)
    torch.testing.assert_close(nearest, torchjd_projection(point), rtol=0, atol=1e-12)


@given(points, st.floats(-1e3, 1e3))
@settings(max_examples=50, deadline=None)
def test_adding_a_constant_changes_nothing_and_neither_does_projecting_again(point: Tensor, constant: float) -> None:
    nearest = project_onto_simplex(point)
    torch.testing.assert_close(project_onto_simplex(point + constant), nearest, rtol=0, atol=1e-11)
    torch.testing.assert_close(project_onto_simplex(nearest), nearest, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (vector(7.0), vector(1.0)),
        (vector(0.5, 0.5, 0.5), vector(1, 1, 1) / 3),
        (vector(0.9, 0.3), vector(0.8, 0.2)),
        (vector(2.0, 0.0), vector(1.0, 0.0)),
        (vector(-1e24, -2e24), vector(1.0, 0.0)),
        (vector(1e24, 1e24, -1e24), vector(0.5, 0.5, 0.0)),
        (vector(0.2, float("-inf"), 0.2), vector(0.5, 0.0, 0.5)),
        (vector(1e-12, -1e-12), vector(0.5 + 1e-12, 0.5 - 1e-12)),
    ],
)
def test_known_points_are_projected_at_any_scale(point: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(project_onto_simplex(point), expected, rtol=0, atol=1e-15)


def test_leading_axes_are_separate_points() -> None:
    together = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    nearest = project_onto_simplex(together)
    for i in range(2):
        for j in range(3):
            assert torch.equal(nearest[i, j], project_onto_simplex(together[i, j]))


def test_shares_add_up_and_are_equal_where_there_is_nothing_to_share() -> None:
    parts, total = shares(torch.stack([vector(1, 3, 0), vector(0, 0, 0)]))
    torch.testing.assert_close(parts, torch.stack([vector(0.25, 0.75, 0), vector(1, 1, 1) / 3]))
    torch.testing.assert_close(total, torch.stack([vector(4), vector(0)]))
