"""The two-task plane: its losses, starts, Pareto front and bounds."""

from __future__ import annotations

import pytest
import torch

from tasks.suites.plane import STARTS, TwoTaskPlane, distance_to_front, first_loss, pareto_front, second_loss
from tests.references import plane as reference

NAMES = ["first", "second"]


def some_points(count: int, half_width: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (2 * torch.rand(count, 2, generator=generator, dtype=torch.float64) - 1) * half_width


def test_losses_equal_a_literal_transcription_everywhere() -> None:
    points = torch.cat([some_points(300, 12.0), torch.tensor(STARTS, dtype=torch.float64)])
    expected = torch.tensor([reference.losses(*point) for point in points.tolist()], dtype=torch.float64)
    torch.testing.assert_close(first_loss(points), expected[:, 0])
    torch.testing.assert_close(second_loss(points), expected[:, 1])


def test_a_value_computed_by_hand() -> None:
    corner = torch.tensor([7.0, -8.0], dtype=torch.float64)  # both squares of the first bowl vanish
    assert float(first_loss(corner)) == pytest.approx(0.1 * -20 * 0.99932930)
    assert float(second_loss(corner)) == pytest.approx((196 / 10 - 20) * 0.99932930)


def test_gradients_are_finite_where_absolute_values_and_maxima_have_corners() -> None:
    corners = torch.tensor([[0.0, 0.0], [-7.0, 0.0], [7.0, 0.0], [3.0, 20.0], [-9.0, 20.0]], requires_grad=True)
    (first_loss(corners).sum() + second_loss(corners).sum()).backward()
    assert corners.grad is not None
    assert corners.grad.isfinite().all()


def test_no_point_of_the_front_is_dominated_by_another_nor_by_any_sampled_point() -> None:
    front = pareto_front()
    on_front = torch.stack([first_loss(front), second_loss(front)], -1)
    anywhere = some_points(20_000, 12.0)
    others = torch.cat([torch.stack([first_loss(anywhere), second_loss(anywhere)], -1), on_front])
    no_worse = (others[:, None] <= on_front[None]).all(-1)
    better = (others[:, None] < on_front[None] - 1e-12).any(-1)
    assert not (no_worse & better).any()


def test_the_front_is_stationary_and_where_the_literature_has_it() -> None:
    front = pareto_front().requires_grad_()
    ends = front[[0, -1]]
    assert ends[:, 0].tolist() == [-7.0, 7.0]
    assert float(front.detach()[:, 1].max()) == pytest.approx(-8.355, abs=1e-3)
    assert float(front.detach()[:, 1].min()) == pytest.approx(-8.434, abs=1e-3)
    (one,) = torch.autograd.grad(first_loss(front).sum(), front)
    (two,) = torch.autograd.grad(second_loss(front).sum(), front)
    cross = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    inner = (one * two).sum(-1)
    assert cross.abs().max() < 1e-12  # parallel ...
    assert (inner <= 1e-12).all()  # ... and opposite


def test_distance_is_zero_on_the_front_and_euclidean_away_from_it() -> None:
    front = pareto_front()
    between = (front[:-1] + front[1:]) / 2
    assert distance_to_front(between).max() < 1e-12
    beyond = front[-1] + torch.tensor([3.0, 0.0])
    assert float(distance_to_front(beyond[None])) == pytest.approx(3.0)


def test_best_values_are_the_minima_and_bounds_lie_below_them() -> None:
    points = some_points(50_000, 15.0)
    for task, loss in zip(TwoTaskPlane().tasks, (first_loss, second_loss), strict=True):
        assert float(loss(points).min()) >= task.primary.best
        assert float(loss(points).min()) == pytest.approx(task.primary.best, rel=1e-3)
        assert task.lower_bound < task.primary.best


def test_the_first_five_seeds_begin_at_the_published_starts_and_others_in_the_box() -> None:
    suite = TwoTaskPlane()
    starts = [suite.snapshot(suite.build(seed, NAMES))["point"] for seed in range(40)]
    assert starts[:5] == [list(start) for start in STARTS]
    assert starts[17] == suite.snapshot(suite.build(17, ["second"]))["point"]
    drawn = torch.tensor(starts[5:])
    assert drawn.abs().max() <= 10
    assert drawn.min() < -5
    assert drawn.max() > 5


def test_a_step_down_the_gradient_lowers_the_loss_of_the_example() -> None:
    suite = TwoTaskPlane()
    model = suite.build(4, NAMES)
    split = suite.load().train
    _, outputs = model(split.inputs)
    loss = suite.tasks[1].loss(outputs["second"], split.targets["second"])
    loss.backward()
    (point,) = model.shared_parameters()
    assert point.grad is not None
    moved = point.detach() - 1e-3 * point.grad
    assert second_loss(moved) < loss


def test_the_landscape_holds_the_losses_at_its_axes() -> None:
    picture = TwoTaskPlane().landscape()
    assert picture.losses["first"].shape == (len(picture.y), len(picture.x))
    row, column = 40, 150
    point = torch.stack([picture.x[column], picture.y[row]])
    assert picture.losses["second"][row, column] == second_loss(point)
    assert picture.snapshot in TwoTaskPlane().snapshot(TwoTaskPlane().build(0, NAMES))
