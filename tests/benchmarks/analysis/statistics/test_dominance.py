"""Dominance and distances, against loops and against their definition."""

import math

import numpy as np
import pytest

from benchmarks.analysis.statistics import distance_to_front, dominated, nondominated

FRONT = [[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]


def test_dominance_is_that_of_the_definition() -> None:
    points = [[0.5, 0.5], [1.0, 1.0], [1.5, 1.5], [0.0, 1.9], [-1.0, 2.0], [3.0, -1.0]]
    assert dominated(points, FRONT).tolist() == [True, False, False, True, True, False]


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_dominance_is_that_of_a_loop(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    points, front = rng.integers(0, 4, (40, objectives)), rng.integers(0, 4, (6, objectives))
    found = dominated(points, front)
    for point, one in zip(points, found, strict=True):
        assert one == any(all(f >= p) and any(f > p) for f, p in ((f, point) for f in front))


def test_the_nondominated_dominate_all_others_and_none_of_themselves() -> None:
    points = np.random.default_rng(0).random((200, 3))
    kept = nondominated(points)
    assert dominated(points[~kept], points[kept]).all()
    assert not dominated(points[kept], points).any()
    assert nondominated([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0]]).tolist() == [True, True, False]


def test_distances_are_those_worked_out_by_hand() -> None:
    points = [[0.5, 0.5], [1.0, 1.0], [1.5, 1.5], [0.0, 0.0], [2.5, 0.5], [1.5, 0.0]]
    assert distance_to_front(points, FRONT).tolist() == [0.5, 0, -0.5, 1, -0.5, 0]


@pytest.mark.parametrize("objectives", [1, 2, 4])
def test_a_point_moved_by_its_distance_is_on_the_boundary(objectives: int) -> None:
    rng = np.random.default_rng(objectives)
    points, front = rng.standard_normal((50, objectives)), rng.standard_normal((8, objectives))
    distance = distance_to_front(points, front)[:, None]
    assert dominated(points + distance - 1e-9, front).all()
    assert not dominated(points + distance + 1e-9, front).any()
    assert distance_to_front(points + distance, front) == pytest.approx(np.zeros(50), abs=1e-12)


def test_the_sign_tells_whether_a_point_is_dominated() -> None:
    rng = np.random.default_rng(1)
    points, front = rng.standard_normal((100, 3)), rng.standard_normal((10, 3))
    assert np.array_equal(distance_to_front(points, front) > 0, dominated(points, front))


def test_distances_follow_shift_scale_and_order_and_ignore_dominated_points_of_the_front() -> None:
    rng = np.random.default_rng(2)
    points, front = rng.standard_normal((9, 3)), rng.standard_normal((9, 3))
    found = distance_to_front(points, front)
    assert distance_to_front(5 + 2 * points, 5 + 2 * front) == pytest.approx(2 * found)
    assert distance_to_front(points[:, ::-1], front[::-1, ::-1]) == pytest.approx(found)
    assert distance_to_front(points, front[nondominated(front)]) == pytest.approx(found)


def test_no_points_and_no_front() -> None:
    nothing = np.empty((0, 2))
    assert dominated(nothing, FRONT).tolist() == []
    assert nondominated(nothing).tolist() == []
    assert distance_to_front(nothing, FRONT).tolist() == []
    assert dominated(FRONT, nothing).tolist() == [False] * 3
    assert distance_to_front(FRONT, nothing).tolist() == [-math.inf] * 3


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        dominated([[1.0, math.nan]], FRONT)
    with pytest.raises(ValueError, match="the front must be finite"):
        distance_to_front(FRONT, [[1.0, math.inf]])
    with pytest.raises(ValueError, match="must be"):
        nondominated([1.0, 2.0])
    with pytest.raises(ValueError, match="3 objectives"):
        dominated([[1.0, 2.0, 3.0]], FRONT)
