"""The steps of a training after which something happens."""

from __future__ import annotations

import pytest

from benchmarks.protocols.expand import expand
from benchmarks.records.record import Cell
from benchmarks.training.schedule import Schedule, evaluation_points
from tests.benchmarks.tiny_suite import Tiny, protocol, registered

EPOCH = 4  # 32 examples in batches of 10


def cell(row: str, **settings: object) -> Cell:
    with registered("tiny"):
        cells = expand(protocol(suites={"tiny": {"seeds": 1, **settings}}))
    return next(cell for cell in cells if cell.row == row)


def test_epochs_and_halvings_are_counted_in_steps() -> None:
    schedule = Schedule.of(cell("fixed", epochs=3, evaluations=2, halve_at=[1, 2]), Tiny().load().train)
    assert schedule.steps == 3 * EPOCH
    assert schedule.halvings == {EPOCH, 2 * EPOCH}
    assert schedule.evaluations == {6, 12}


@pytest.mark.parametrize(("row", "step"), [("fixed", None), ("pcgrad", 30)])
def test_only_a_method_with_dearer_steps_spends_the_compute_of_equal_weights_before_the_end(
    row: str, step: int | None
) -> None:
    """PCGrad takes a backward pass for each of two tasks: 1 + 2 * 2 passes in the place of 1 + 2."""
    schedule = Schedule.of(cell(row, steps=50, evaluations=1), Tiny().load().train)
    assert schedule.equal_compute == step


@pytest.mark.parametrize(("steps", "first", "count"), [(12, 1, 12), (1000, 5, 200)])
def test_progress_is_reported_at_most_two_hundred_times(steps: int, first: int, count: int) -> None:
    reports = Schedule.of(cell("fixed", steps=steps, evaluations=1), Tiny().load().train).reports
    assert (reports[0], len(reports)) == (first, count)
    assert steps in reports


@pytest.mark.parametrize(("total", "count", "points"), [(10, 2, {5, 10}), (3, 10, {1, 2, 3}), (7, 1, {7})])
def test_evaluations_are_evenly_spaced_and_include_the_last_step(total: int, count: int, points: set[int]) -> None:
    assert evaluation_points(total, count) == points
