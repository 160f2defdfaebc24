"""Methods against the front of fixed weights."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.fronts import fronts
from benchmarks.records.record import FRONT, SINGLE_TASK, Record
from tests.benchmarks import synthetic

TASKS = ("a", "b")
METRICS = {task: [synthetic.ACCURACY] for task in TASKS}


def run(row: str, values: tuple[float, ...], tasks: tuple[str, ...] = TASKS, trial: int = 0) -> Record:
    cell = synthetic.cell("toy", row, tasks, 0, trial=trial)
    test = {task: {"accuracy": value} for task, value in zip(tasks, values, strict=True)}
    return synthetic.record(cell, {task: METRICS[task] for task in tasks}, test)


def records() -> list[Record]:
    single = [run(SINGLE_TASK, (0.5,), (task,)) for task in TASKS]
    return [*single, run("fixed", (0.5, 0.5)), run("behind", (0.45, 0.48)), run("ahead", (0.52, 0.51))]


POINTS = [
    run(FRONT, values, trial=trial) for trial, values in enumerate([(0.55, 0.4), (0.5, 0.5), (0.4, 0.55), (0.4, 0.4)])
]


def test_rows_are_ahead_of_the_front_or_behind_it() -> None:
    found = records()
    (front,) = fronts(aggregate(found).suites, found, POINTS, ())
    np.testing.assert_allclose(front.points, [[-20, 10], [0, 0], [10, -20]], atol=1e-9)  # the last is dominated
    assert front.dominated == {"fixed": False, "behind": True, "ahead": False}
    assert front.ahead["behind"] == pytest.approx(-4), "2 points of 50 % on the better task"
    assert front.ahead["ahead"] == pytest.approx(4), "by so much equal weights would have to be better on both tasks"
    assert front.ahead["fixed"] == pytest.approx(0)
    before, after = 3 * 33 + 20 * 23 + 10 * 3, 3 * 33 + 24 * 25 + 6 * 3  # above (-23, -23)
    assert front.adds["ahead"] == pytest.approx(100 * (after / before - 1))
    assert front.adds["behind"] == front.adds["fixed"] == pytest.approx(0)


def test_without_fixed_weights_there_is_no_front() -> None:
    found = records()
    assert fronts(aggregate(found).suites, found, [], ["fixed"]) == []


def test_rows_that_are_weighted_sums_are_points_of_the_front() -> None:
    found = records()
    (front,) = fronts(aggregate(found).suites, found, POINTS, ["ahead", "not there"])
    np.testing.assert_allclose(front.points, [[-20, 10], [4, 2], [10, -20]], atol=1e-9)
    assert front.ahead["ahead"] == pytest.approx(0)
    assert front.dominated == {"fixed": True, "behind": True, "ahead": False}
