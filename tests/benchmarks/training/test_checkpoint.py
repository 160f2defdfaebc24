"""Which state of a run is kept."""

from __future__ import annotations

import math

import pytest

from benchmarks.records.record import MetricFact, Scalars
from benchmarks.training.checkpoint import Checkpoints, selected_step

METRICS = {
    "height": [MetricFact(name="mse", best=0.0, higher_is_better=False)],
    "side": [MetricFact(name="accuracy", best=1.0, higher_is_better=True)],
}


def validation(mse: float, accuracy: float) -> Scalars:
    return {"height": {"mse": mse}, "side": {"accuracy": accuracy}}


@pytest.mark.parametrize(
    ("evaluations", "step"),
    [
        ([(8.0, 0.5), (4.0, 0.5), (2.0, 0.75), (4.0, 0.75)], 2),
        ([(8.0, 0.5), (9.0, 0.4)], 0),  # the untrained model
        ([(8.0, 0.5), (4.0, 0.75), (4.0, 0.75)], 1),  # the earliest of equals
        ([(8.0, 0.5), (4.0, 0.5), (8.0, 0.75)], 1),  # tasks count the same, and so the earliest of equals again
        ([(8.0, 0.5), (math.nan, 0.75), (math.inf, 0.75), (7.0, 0.5)], 3),  # never one that is not finite
    ],
)
def test_the_lowest_score_on_validation_is_selected(evaluations: list[tuple[float, float]], step: int) -> None:
    assert selected_step((validation(*values) for values in evaluations), METRICS) == step


def test_scores_say_how_much_of_the_untrained_error_is_gone_and_are_finite() -> None:
    checkpoints = Checkpoints(METRICS)
    checkpoints.add(0, validation(8.0, 0.5))
    assert checkpoints.scores == {"height": 0.0, "side": 0.0}
    checkpoints.add(5, validation(2.0, 0.25))
    assert checkpoints.scores == {"height": 75.0, "side": -50.0}
    checkpoints.add(10, validation(1e308, 1.0))
    assert checkpoints.scores == {"height": 100 * (1 - 1e6), "side": 100.0}


def test_a_checkpoint_is_to_be_kept_when_it_becomes_the_selected_one() -> None:
    checkpoints = Checkpoints(METRICS)
    points = {0: validation(8.0, 0.5), 5: validation(4.0, 0.5), 10: validation(6.0, 0.5)}
    assert [checkpoints.add(step, metrics) for step, metrics in points.items()] == [True, True, False]
    assert checkpoints.selected == (5, points[5])
    assert checkpoints.latest == (10, points[10])
