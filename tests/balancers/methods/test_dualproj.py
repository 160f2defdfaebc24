"""DualProj against the conditions of a projection, the closed form for two tasks, its definition, and TorchJD."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import DualProjWeighting
from torchjd.linalg import QuadprogProjector

from balancers import Balancer, create
from balancers.solvers.cosines import angles, hull_contains_zero
from balancers.step.products import gramian_of
from tests.balancers.descent import STARTS, descend, distance_from_stationary
from tests.balancers.jacobians import KINDS, first_weights, friendly, regular, spread
from tests.balancers.optimality import TOLERANCE, combined, unit
from tests.balancers.witness import witness
from tests.references.dualproj import dualproj


def update(rows: Tensor) -> Tensor:
    return first_weights(create("dualproj"), rows) @ rows


@witness("dualproj", "closed form")
@pytest.mark.parametrize("kind", ["regular", "spread", "friendly"])
@pytest.mark.parametrize("seed", range(6))
def test_of_two_tasks_the_one_that_the_mean_harms_gets_just_enough_weight(kind: str, seed: int) -> None:
    rows = KINDS[kind](2, 5, seed)
    expected = 0.5 + (-rows @ rows.mean(0)).clamp(min=0) / rows.square().sum(-1)
    torch.testing.assert_close(first_weights(create("dualproj"), rows), expected)


@witness("dualproj", "optimality")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tasks", "dimension"), [(2, 5), (5, 3), (9, 30), (40, 60)])
def test_the_update_meets_the_conditions_of_the_projection(kind: str, tasks: int, dimension: int) -> None:
    rows = KINDS[kind](tasks, dimension, 1)
    weights = first_weights(create("dualproj"), rows)
    added = weights - 1 / tasks
    assert (added >= -1e-15).all()
    update, products = combined(rows, weights)
    assert (products >= -TOLERANCE).all()
    assert (products <= TOLERANCE)[added > 1e-12].all()
    # The nearest point of a cone is orthogonal to what separates it from the point.
    size = (weights * rows.norm(dim=-1)).sum()
    assert abs(update @ (rows.mean(0) - update)) <= TOLERANCE * size**2


@witness("dualproj", "transcription")
@given(st.integers(1, 9), st.sampled_from(sorted(KINDS)), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_it_is_the_projection_of_the_mean(tasks: int, kind: str, dimension: int, seed: int) -> None:
    rows = KINDS[kind](tasks, dimension, seed)
    weights = first_weights(create("dualproj"), rows)
    size = (weights * rows.norm(dim=-1)).sum().item()
    np.testing.assert_allclose((weights @ rows).numpy(), dualproj(rows.numpy()), rtol=0, atol=1e-9 * size)


@witness("dualproj", "torchjd")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "spread"])
@pytest.mark.parametrize("tasks", [1, 2, 5, 9])
@pytest.mark.parametrize(("epsilon", "accuracy"), [(1e-4, 0.02), (1e-10, 1e-7)])
def test_it_is_torchjds_to_the_accuracy_of_its_epsilon(kind: str, tasks: int, epsilon: float, accuracy: float) -> None:
    rows = KINDS[kind](tasks, 12, 1)
    weights = first_weights(create("dualproj"), rows)
    projector = QuadprogProjector(norm_eps=epsilon, reg_eps=epsilon)
    theirs = DualProjWeighting(projector=projector)(rows @ rows.T)
    assert ((weights - theirs) @ rows).norm() <= accuracy * (weights * rows.norm(dim=-1)).sum()


@pytest.mark.parametrize("scale", [1e-6, 1e-12])
def test_small_gradients_are_projected_while_torchjd_takes_their_mean(scale: float) -> None:
    rows = scale * torch.tensor([[-4.0, 1, 1], [6, 1, 1]], dtype=torch.float64)
    assert (DualProjWeighting()(rows @ rows.T) == 0.5).all()
    assert (rows @ rows.mean(0)).min() < 0
    assert (rows @ unit(update(rows))).min() >= -1e-15 * scale


def test_norms_that_differ_by_six_decades_are_no_reason_to_conflict_as_they_are_for_torchjd() -> None:
    rows = spread(6, 12, 2)
    theirs = DualProjWeighting()(rows @ rows.T)
    assert combined(rows, theirs)[1].min() < -0.01
    assert combined(rows, first_weights(create("dualproj"), rows))[1].min() > -1e-12


@witness("dualproj", "identity")
@pytest.mark.parametrize("tasks", [1, 4, 20])
def test_where_the_mean_harms_nobody_it_is_the_mean(tasks: int) -> None:
    weights = first_weights(create("dualproj"), friendly(tasks, 12, 3))
    torch.testing.assert_close(weights, torch.full((tasks,), 1 / tasks, dtype=torch.float64))
    weights = first_weights(create("dualproj"), 7 * torch.eye(tasks, dtype=torch.float64))
    torch.testing.assert_close(weights, torch.full((tasks,), 1 / tasks, dtype=torch.float64))


def test_gradients_that_conflict_with_each_other_but_not_with_the_mean_are_left_alone() -> None:
    rows = torch.tensor([[1.0, 0.0], [-0.5, 1.0]], dtype=torch.float64)
    assert first_weights(create("dualproj"), rows).tolist() == [0.5, 0.5]
    assert (first_weights(create("upgrad"), rows) > 0.5).all()


def test_a_task_with_a_gradient_of_zero_has_the_weight_of_the_mean_and_no_say() -> None:
    rows = regular(3, 6, 1)
    with_zero = torch.cat([rows, torch.zeros(1, 6, dtype=torch.float64)])
    weights = first_weights(create("dualproj"), with_zero)
    assert weights[3] == 0.25
    torch.testing.assert_close(weights[:3], first_weights(create("dualproj"), rows) * 3 / 4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_problem_but_at_stationary_points_is_solved(kind: str) -> None:
    balancer = Balancer("dualproj", 6)
    point = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    problems = [KINDS[kind](6, 10, seed) for seed in range(5)]
    for rows in problems:
        balancer.backward(rows @ point, shared=[point])
    assert balancer.certificate is not None
    stationary = [bool(hull_contains_zero(angles(gramian_of(rows)).cosines)) for rows in problems]
    assert balancer.certificate.fallbacks == sum(stationary)
    assert balancer.certificate.residual < 1e-7  # relative to an update that may be no more than rounding


@pytest.mark.parametrize("start", STARTS)
def test_gradient_descent_ends_on_the_pareto_set(start: tuple[float, float]) -> None:
    assert distance_from_stationary(descend(start, create("dualproj"))) < 1e-6
