"""The update nearest to the primary gradient: its conditions, and when it must say that there is none."""

import pytest
import torch
from torch import Tensor

from balancers.solvers.cosines import angles
from balancers.solvers.priority import PriorityProblem, follow_primary
from tests.balancers.jacobians import KINDS, regular


def problem(rows: Tensor, tau: float | list[float]) -> PriorityProblem:
    cosines, norms = angles(rows @ rows.mT)
    primary = torch.zeros_like(norms)
    primary[..., 0] = 1
    return PriorityProblem(cosines, norms, primary, torch.zeros_like(norms) + torch.tensor(tau, dtype=torch.float64))


def opposed(angle: float) -> Tensor:
    """A primary gradient, and two others of length 1 that are opposite but for a small angle."""
    turn = torch.tensor(angle, dtype=torch.float64)
    second = torch.stack([torch.zeros_like(turn), turn.sin(), -turn.cos()])
    return torch.cat([torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64), second[None]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("tasks", [1, 2, 5, 12])
def test_what_is_solved_meets_the_conditions_on_the_gradients_themselves(kind: str, tau: float, tasks: int) -> None:
    for seed in range(3):
        rows = KINDS[kind](tasks, 20, seed)
        units = rows / rows.norm(dim=-1, keepdim=True)
        solution = follow_primary(problem(rows, tau))
        update = solution.point @ units
        if not solution.solved:
            assert tasks > 2 or (tasks == 2 and tau == 0)
            continue
        surplus = (units @ update - tau * rows.norm(dim=-1))[1:]
        size = solution.point.abs().sum()
        assert (surplus >= -1e-9 * size).all()
        assert (solution.point[1:] >= 0).all()
        assert (surplus[solution.point[1:] > 0].abs() <= 1e-9 * size).all()


@pytest.mark.parametrize("tau", [0.02, [0.0, 0.0, 0.5], [0.0, 0.3, 0.0]])
def test_opposite_gradients_that_must_both_gain_are_no_solution_and_the_primary_one_is_followed(
    tau: float | list[float],
) -> None:
    rows = opposed(0.0)
    solution = follow_primary(problem(rows, tau))
    assert not solution.solved
    assert solution.point.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("angle", [1e-1, 1e-2, 1e-4])
def test_gradients_that_are_nearly_opposite_have_a_solution_far_away(angle: float) -> None:
    rows = opposed(angle)
    solution = follow_primary(problem(rows, 0.02))
    assert solution.solved
    gains = rows[1:] @ (solution.point @ rows)
    torch.testing.assert_close(gains, torch.full((2,), 0.02, dtype=torch.float64), rtol=1e-6, atol=0)


def test_opposite_gradients_that_need_not_gain_leave_what_is_orthogonal_to_both_uncertified() -> None:
    rows = torch.cat([torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64), opposed(0.0)[1:]])
    solution = follow_primary(problem(rows, 0.0))
    assert not solution.solved  # rounding may hide a little room between opposite gradients
    units = rows / rows.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(solution.point @ units, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))


def test_a_secondary_gradient_against_the_primary_one_leaves_nothing_and_is_no_solution() -> None:
    rows = torch.tensor([[1.0, 2.0], [-2.0, -4.0]], dtype=torch.float64)
    solution = follow_primary(problem(rows, 0.0))
    assert not solution.solved
    assert solution.point.tolist() == [0.0, 0.0]
    assert follow_primary(problem(rows, 0.02)).solved


def test_replicas_are_solved_as_each_alone() -> None:
    rows = torch.stack([regular(4, 9, 1), opposed(0.0)[[0, 1, 2, 0]] @ regular(3, 9, 2), regular(4, 9, 3)])
    together = follow_primary(problem(rows, 0.02))
    for i in range(3):
        alone = follow_primary(problem(rows[i], 0.02))
        assert alone.solved == together.solved[i]
        torch.testing.assert_close(together.point[i], alone.point)
