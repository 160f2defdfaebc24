"""Means over suites: the two intervals, what they are for, and how often they are right."""

import math

import numpy as np
import pytest

from benchmarks.analysis.statistics import MIN_SEEDS, MIN_SUITES, hierarchical, interval
from tests.benchmarks.analysis.statistics.simulation import DISTRIBUTIONS, coverage, share

TRIALS = 500


@pytest.mark.parametrize(("kind", "expected"), [("normal", 0.949), ("skewed", 0.943), ("heavy", 0.953)])
def test_for_these_suites_coverage_is_that_of_the_docstring(kind: str, expected: float) -> None:
    rng = np.random.default_rng(0)
    effects = np.arange(8.0)  # fixed: the suites differ, but they are these
    values = DISTRIBUTIONS[kind](rng, (TRIALS, 8, 5)) + effects[:, None]
    found = [hierarchical({str(s): row for s, row in enumerate(trial)}) for trial in values]
    assert coverage(found, truth=3.5) == share(expected, TRIALS)


def test_for_these_suites_unequal_spreads_are_allowed_for() -> None:
    values = np.random.default_rng(1).standard_normal((TRIALS, 5, 5)) * 2.0 ** np.arange(5)[:, None]
    found = [hierarchical({str(s): row for s, row in enumerate(trial)}) for trial in values]
    assert coverage(found, truth=0) == share(0.948, TRIALS)


def test_for_these_suites_unequal_numbers_of_seeds_are_allowed_for() -> None:
    values = np.random.default_rng(2).standard_normal((TRIALS, 3, 10))
    found = [hierarchical({"a": trial[0, :5], "b": trial[1], "c": 3 * trial[2, :7]}) for trial in values]
    assert coverage(found, truth=0) == share(0.95, TRIALS)


@pytest.mark.parametrize(("kind", "expected"), [("normal", 0.95), ("skewed", 0.917), ("mixture", 0.814)])
def test_for_suites_like_these_coverage_is_that_of_the_docstring(kind: str, expected: float) -> None:
    effects = DISTRIBUTIONS[kind](np.random.default_rng(3), (2000, MIN_SUITES))
    found = [hierarchical({str(s): [effect] for s, effect in enumerate(row)}, over="suites") for row in effects]
    assert coverage(found, truth=0) == share(expected, 2000)


def test_for_suites_like_these_the_noise_of_seeds_is_counted_once() -> None:
    rng = np.random.default_rng(4)
    values = rng.standard_normal((2000, 8, 1)) + 2 * rng.standard_normal((2000, 8, 5))
    found = [hierarchical({str(s): row for s, row in enumerate(trial)}, over="suites") for trial in values]
    assert coverage(found, truth=0) == share(0.947, 2000)


def test_for_these_suites_their_differences_do_not_matter_and_for_others_they_do() -> None:
    values = np.random.default_rng(5).standard_normal((8, 5))
    alike, apart = ({s: row + step * s for s, row in enumerate(values)} for step in (0, 100))
    alike, apart = ({str(s): row for s, row in rows.items()} for rows in (alike, apart))
    near, far = hierarchical(alike), hierarchical(apart)
    assert far.high - far.low == pytest.approx(near.high - near.low)
    assert far.mean == pytest.approx(near.mean + 350)
    wide = hierarchical(apart, over="suites")
    assert wide.mean == far.mean
    assert wide.high - wide.low > 50 * (far.high - far.low)


def test_values_are_the_means_of_suites_with_the_same_weight() -> None:
    found = hierarchical({"few": [1.0] * 5, "many": [4.0] * 50})
    assert found.values == (1, 4)
    assert found.mean == 2.5
    assert found.low == found.high == 2.5


def test_one_suite_has_the_interval_of_its_seeds() -> None:
    values = np.random.default_rng(6).standard_normal(10).tolist()
    found = hierarchical({"only": values})
    assert (found.low, found.high) == pytest.approx(interval(values))
    few = hierarchical({"only": values[:6]})  # up to 8 seeds, `interval` lists all resamples
    assert (few.low, few.high) == pytest.approx(interval(values[:6]), abs=0.05 * (few.high - few.low))


def test_too_few_seeds_or_suites_leave_the_mean_without_an_interval() -> None:
    suites = {str(s): [float(s + i) for i in range(MIN_SEEDS)] for s in range(MIN_SUITES)}
    assert hierarchical(suites).has_interval
    assert hierarchical(suites, over="suites").has_interval
    short = {**suites, "0": [1.0] * (MIN_SEEDS - 1)}
    assert not hierarchical(short).has_interval
    assert hierarchical(short, over="suites").has_interval
    few = {s: suites[s] for s in list(suites)[1:]}
    assert not hierarchical(few, over="suites").has_interval
    assert math.isfinite(hierarchical(few, over="suites").mean)


@pytest.mark.parametrize("over", ["seeds", "suites"])
@pytest.mark.parametrize(
    "suites", [{}, {"a": []}, {"a": [1.0] * 5, "b": []}, {"a": [math.nan] * 5}, {"a": [math.inf, -math.inf]}]
)
def test_a_suite_without_a_number_leaves_no_mean(suites: dict[str, list[float]], over: str) -> None:
    found = hierarchical(suites, over="suites" if over == "suites" else "seeds")
    assert math.isnan(found.mean)
    assert not found.has_interval


def test_another_kind_of_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="seeds"):
        hierarchical({"a": [1.0]}, over="tasks")  # pyright: ignore[reportArgumentType]
