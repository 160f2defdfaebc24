"""Made-up data with a known truth through the whole chain: search, selection, aggregates, comparison, what is said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from benchmarks.analysis import comparison
from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.comparison import ALPHA, Gain
from benchmarks.records import selection
from benchmarks.records.record import SINGLE_TASK, Curves, Record, Scalars
from tests.benchmarks import synthetic

SUITES, TASKS, SEEDS, SIMULATIONS = ("one", "two"), ("a", "b"), 5, 120
METRICS = {task: [synthetic.ACCURACY] for task in TASKS}
TRIALS = (0.0, -0.05, 0.01, -0.1)  # what the settings of every row's search add; two are hard to tell apart
EFFECT, BASE = 0.04, 0.5  # of the one method that has any, and what single-task reaches
NULL = ("n1", "n2", "n3", "n4", "n5")
TRUTH = 100 * EFFECT / (BASE + max(TRIALS))  # of its gain, in percent of single-task


class Truth:
    """Draws runs: a common effect of each seed, and noise on validation and test that have nothing in common."""

    def __init__(self, seed: int) -> None:
        self._draw = np.random.default_rng(seed)
        self._seeds = self._draw.normal(0, 0.02, (len(SUITES), SEEDS))

    def run(self, suite: int, row: str, tasks: tuple[str, ...], trial: int, seed: int) -> Record:
        skill = BASE + TRIALS[trial] + (EFFECT if row == "good" else 0.0) + self._seeds[suite, seed]
        cell = synthetic.cell(SUITES[suite], row, tasks, seed, trial=trial)
        test, validation = (self._metrics(skill, tasks) for _ in range(2))
        untrained = {task: {"accuracy": [0.1]} for task in tasks}
        curves = Curves(step=[0], train_loss={}, validation=untrained, weights={}, norms={}, cosines={}, snapshots={})
        made = synthetic.record(cell, {task: METRICS[task] for task in tasks}, test, curves=curves)
        assert made.best is not None
        return made.model_copy(update={"best": made.best.model_copy(update={"validation": validation})})

    def _metrics(self, skill: float, tasks: tuple[str, ...]) -> Scalars:
        return {task: {"accuracy": float(skill + self._draw.normal(0, 0.01))} for task in tasks}


def records(truth: Truth) -> Iterator[Record]:
    """All trials with all seeds."""
    for suite in range(len(SUITES)):
        for row in (SINGLE_TASK, "fixed", "tuned", "good", *NULL):
            for tasks in [(task,) for task in TASKS] if row == SINGLE_TASK else [TASKS]:
                for seed in range(SEEDS):
                    yield from (truth.run(suite, row, tasks, trial, seed) for trial in range(len(TRIALS)))


@cache
def simulated() -> list[dict[str, Gain]]:
    found = []
    for seed in range(SIMULATIONS):
        chosen = selection.chosen(records(Truth(seed)))
        assert len(chosen) == len(SUITES) * SEEDS * (len(TASKS) + 8)
        found.append({gain.row: gain for gain in comparison.gains(aggregate(chosen), "tuned", exempt=("fixed",))})
    return found


def at_most(share: float) -> float:
    """A share that is exceeded by chance once in a thousand simulations."""
    return share + 3.1 * math.sqrt(share * (1 - share) / SIMULATIONS)


def test_methods_without_effect_are_called_better_or_worse_no_more_often_than_promised() -> None:
    wrong = [any(run[row].better or run[row].worse for row in NULL) for run in simulated()]
    assert np.mean(wrong) <= at_most(ALPHA)


@pytest.mark.parametrize("suite", SUITES)
def test_nor_on_a_single_suite(suite: str) -> None:
    wrong = [
        any(suite in run[row].significant(better=better) for row in NULL for better in (True, False))
        for run in simulated()
    ]
    assert np.mean(wrong) <= at_most(ALPHA)


def test_intervals_of_methods_without_effect_hold_zero_as_often_as_promised() -> None:
    missed = [not run[row].overall.low <= 0 <= run[row].overall.high for run in simulated() for row in NULL[:1]]
    assert np.mean(missed) <= at_most(0.05)


def test_a_known_effect_is_found_with_its_size_in_the_interval() -> None:
    gains = [run["good"] for run in simulated()]
    assert np.mean([gain.better for gain in gains]) > 0.9
    assert np.mean([not gain.overall.low <= TRUTH <= gain.overall.high for gain in gains]) <= at_most(0.05)
    assert np.mean([gain.overall.mean for gain in gains]) == pytest.approx(TRUTH, rel=0.03)
    assert np.mean([gain.improvement.mean for gain in gains]) > 0.8


def _with_a_slow_start(record: Record) -> Record:
    """The run, whose state after the compute of equal weights is its best one, or far worse if its row is good."""
    assert record.best is not None
    loss = 0.2 if record.cell.row == "good" else 0.0
    test = {task: {name: value - loss for name, value in found.items()} for task, found in record.best.test.items()}
    return record.model_copy(update={"at_equal_compute": record.best.model_copy(update={"test": test})})


def test_comparisons_at_the_same_compute_look_at_that_state_alone() -> None:
    aggregates = aggregate([_with_a_slow_start(record) for record in selection.chosen(records(Truth(0)))])
    at_best, early = (
        {gain.row: gain for gain in comparison.gains(aggregates, "tuned", deltas=deltas)}
        for deltas in (comparison.chosen, comparison.of_equal_compute)
    )
    assert at_best["good"].better
    assert early["good"].worse
    assert all(early[row].overall == at_best[row].overall for row in NULL)


def test_copies_of_the_reference_are_neither_corrected_nor_counted() -> None:
    (run,) = simulated()[:1]
    assert math.isnan(run["fixed"].corrected)
    assert not run["fixed"].significant(better=True) + run["fixed"].significant(better=False)
    assert run["good"].corrected >= run["good"].p_value
