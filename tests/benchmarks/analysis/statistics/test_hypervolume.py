"""Hypervolumes against closed forms, inclusion and exclusion, and against each other."""

import math
from itertools import combinations

import numpy as np
import pytest

from benchmarks.analysis.statistics import hypervolume
from benchmarks.analysis.statistics.hypervolume import EXACT_POINTS, EXACT_POINTS_ABOVE, SAMPLES
from benchmarks.analysis.statistics.resampling import Array


def inclusion_exclusion(points: Array) -> float:
    """Volume of the union of the boxes from 0."""
    return sum(
        (-1) ** (m + 1) * float(np.prod(np.min(points[list(chosen)], axis=0)))
        for m in range(1, len(points) + 1)
        for chosen in combinations(range(len(points)), m)
    )


def shell(points: int, objectives: int) -> Array:
    """Points that do not dominate each other: directions of length 1."""
    found = np.abs(np.random.default_rng(points).standard_normal((points, objectives)))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 6, 10])
def test_volumes_are_those_of_inclusion_and_exclusion(objectives: int) -> None:
    for points in (shell(9, objectives), np.random.default_rng(1).integers(0, 4, (9, objectives)).astype(float)):
        found = hypervolume(points, np.zeros(objectives))
        assert found.value == pytest.approx(inclusion_exclusion(points))
        assert found.error == 0


def test_volumes_of_a_staircase() -> None:
    steps = np.array([[1.0, 4.0], [2.0, 3.0], [4.0, 1.0]])
    assert hypervolume(steps, [0, 0]).value == 4 + 3 + 2
    assert hypervolume(steps, [1, 1]).value == 2
    assert hypervolume([[2.0, 3.0, 4.0]], [1, 1, 1]).value == 6


def test_a_sphere_is_filled_by_many_points() -> None:
    angles = (np.arange(1000) + 0.5) / 1000 * math.pi / 2
    found = hypervolume(np.stack([np.cos(angles), np.sin(angles)], axis=1), [0, 0])
    assert found.value == pytest.approx(math.pi / 4, abs=1e-3)


def test_dominated_equal_and_worse_points_and_the_order_do_not_matter() -> None:
    points = shell(20, 3)
    expected = hypervolume(points, [0, 0, 0])
    more = np.concatenate([points, points[:5], 0.9 * points, [[-1.0, 5.0, 5.0], [5.0, 0.0, 5.0]]])
    assert hypervolume(more[::-1], [0, 0, 0]).value == pytest.approx(expected.value)
    assert hypervolume(points[:, [2, 0, 1]], [0, 0, 0]).value == pytest.approx(expected.value)


def test_volumes_scale_shift_and_grow() -> None:
    points = shell(15, 3)
    found = hypervolume(points, [0, 0, 0]).value
    assert hypervolume(7 + points * [1, 2, 3], [7, 7, 7]).value == pytest.approx(6 * found)
    assert hypervolume(points[:-1], [0, 0, 0]).value < found
    assert found < hypervolume(points, [-0.1, 0, 0]).value


@pytest.mark.parametrize("objectives", [3, 5, 8])
def test_the_estimate_is_within_its_error_of_the_truth(objectives: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points, origin = shell(30, objectives), np.zeros(objectives)
    exact = hypervolume(points, origin)
    monkeypatch.setitem(EXACT_POINTS, objectives, 0)
    found = hypervolume(points, origin)
    assert exact.error == 0 < found.error < found.value * math.sqrt(30 / SAMPLES)
    assert abs(found.value - exact.value) < 4 * found.error
    assert found == hypervolume(points, origin)


def test_many_points_in_many_objectives_are_estimated() -> None:
    assert hypervolume(shell(EXACT_POINTS_ABOVE + 1, 12), np.zeros(12)).error > 0
    assert hypervolume(shell(EXACT_POINTS_ABOVE, 12), np.zeros(12)).error == 0


def test_nothing_has_no_volume() -> None:
    assert hypervolume(np.empty((0, 3)), [0, 0, 0]) == (0, 0)
    assert hypervolume([[-1.0, 2.0]], [0, 0]) == (0, 0)


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        hypervolume([[1.0, math.nan]], [0, 0])
    for reference in ([0.0], [0.0, math.nan], [[0.0, 0.0]]):
        with pytest.raises(ValueError, match="2 finite numbers"):
            hypervolume([[1.0, 1.0]], reference)
