"""ConFIG against equal cosines, its closed form for two tasks, and another library."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchjd.aggregation import ConFIG as TorchJDConFIG

from balancers import Draws
from balancers.methods.conflict_free import ConFIG
from tests.balancers.jacobians import KINDS, evidence_from, first_weights, friendly, regular, strongly_stationary
from tests.balancers.witness import witness


@witness("config", "optimality")
@given(st.sampled_from(["regular", "friendly", "spread"]), st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_cosines_are_equal_and_the_length_is_that_of_the_projections(kind: str, tasks: int, seed: int) -> None:
    rows = KINDS[kind](tasks, 40, seed)
    solution = ConFIG().solve(evidence_from(rows), Draws.seeded(0))
    assert solution.solved
    assert solution.residual < 1e-12
    update = solution.point @ rows
    unit = update / update.norm()
    cosines = rows @ unit / rows.norm(dim=-1)
    assert (cosines > 0).all()
    torch.testing.assert_close(cosines, cosines.mean().expand(tasks), rtol=1e-7, atol=0)
    torch.testing.assert_close(update.norm(), (rows @ unit).sum(), rtol=1e-7, atol=0)


@witness("config", "closed form")
@pytest.mark.parametrize("seed", range(5))
def test_two_tasks_are_served_by_their_bisector(seed: int) -> None:
    rows = KINDS["spread"](2, 6, seed)
    bisector = (rows / rows.norm(dim=-1, keepdim=True)).sum(0)
    unit = bisector / bisector.norm()
    torch.testing.assert_close(first_weights(ConFIG(), rows) @ rows, (rows @ unit).sum() * unit)


@witness("config", "torchjd")
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("tasks", [2, 3, 5, 9])
def test_it_is_torchjds_on_gradients_of_every_kind(tasks: int, kind: str) -> None:
    rows = KINDS[kind](tasks, 60, tasks)
    expected = TorchJDConFIG()(rows)
    size = float(rows.abs().max())  # of two opposite gradients, theirs leaves rounding and ours nothing
    torch.testing.assert_close(first_weights(ConFIG(), rows) @ rows, expected, rtol=1e-6, atol=1e-6 * size)


def test_orthogonal_gradients_of_equal_norm_are_weighted_alike() -> None:
    weights = first_weights(ConFIG(), 3 * torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.ones(4, dtype=torch.float64))


@given(st.integers(2, 12), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_sum_of_the_losses_never_increases_even_where_cosines_cannot_be_equal(tasks: int, seed: int) -> None:
    rows = strongly_stationary(tasks, 5, seed)
    solution = ConFIG().solve(evidence_from(rows), Draws.seeded(0))
    assert not solution.solved
    assert rows.sum(0) @ (solution.point @ rows) >= -1e-9 * rows.square().sum()


def test_two_opposite_gradients_get_no_weight() -> None:
    rows = torch.tensor([[1.0, 2.0], [-3.0, -6.0]], dtype=torch.float64)
    assert first_weights(ConFIG(), rows).tolist() == [0, 0]


def test_a_task_without_gradient_has_no_say() -> None:
    rows = regular(3, 8, seed=1)
    solution = ConFIG().solve(evidence_from(torch.cat([0 * rows[:1], rows])), Draws.seeded(0))
    assert solution.solved
    torch.testing.assert_close(solution.point[1:], first_weights(ConFIG(), rows))
    assert solution.point[0] == 0


def test_single_precision_gradients_of_lower_rank_are_not_taken_for_independent_ones() -> None:
    plane = friendly(4, 2, seed=3)  # four gradients in a plane: two cosines can be equal, not four
    exact = first_weights(ConFIG(), plane) @ plane
    rounded = first_weights(ConFIG(), plane.float()).float() @ plane.float()
    torch.testing.assert_close(rounded.double(), exact, rtol=1e-4, atol=1e-4)
