"""The chance that one run beats another."""

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from benchmarks.analysis.statistics import Estimate, probability_of_improvement
from tests.benchmarks.analysis.statistics.simulation import coverage


def by_seed(values: np.ndarray) -> dict[str, dict[int, float]]:
    """One suite per row."""
    return {str(s): dict(enumerate(row.tolist())) for s, row in enumerate(np.atleast_2d(values))}


def simulated(shift: float, likeness: float, suites: int, trials: int = 250) -> tuple[list[Estimate], float]:
    """Intervals for runs that share a part of their luck with those of the same seed, and the truth."""
    rng = np.random.default_rng(0)
    shared, first, second = rng.standard_normal((3, trials, suites, 5))
    first, second = (math.sqrt(likeness) * shared + math.sqrt(1 - likeness) * own for own in (first, second))
    found = [probability_of_improvement(by_seed(a + shift), by_seed(b)) for a, b in zip(first, second, strict=True)]
    return found, float(stats.norm.cdf(shift / math.sqrt(2)))


@pytest.mark.parametrize("suites", [1, 8])
@pytest.mark.parametrize("likeness", [0, 0.9])
@pytest.mark.parametrize("shift", [0, 1.8])
def test_the_interval_is_right_at_least_as_often_as_it_says(shift: float, likeness: float, suites: int) -> None:
    found, truth = simulated(shift, likeness, suites)
    assert coverage(found, truth) >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / len(found))


@pytest.mark.parametrize("likeness", [0, 0.9])
def test_the_estimate_is_unbiased_even_for_runs_that_share_their_luck(likeness: float) -> None:
    found, truth = simulated(0.75, likeness, 8)
    means = [one.mean for one in found]
    assert np.mean(means) == pytest.approx(truth, abs=4 * float(np.std(means)) / math.sqrt(len(means)))


@pytest.mark.parametrize("n", [2, 9])
def test_it_is_the_mean_over_all_pairs_of_different_seeds(n: int) -> None:
    a, b = np.random.default_rng(1).integers(0, 5, (2, n)).tolist()
    won = [(a[i] > b[j]) + (a[i] == b[j]) / 2 for i, j in permutations(range(n), 2)]
    assert probability_of_improvement(by_seed(np.array(a)), by_seed(np.array(b))).mean == pytest.approx(np.mean(won))


def test_suites_weigh_the_same_whatever_their_scale() -> None:
    a = {"few": dict.fromkeys(range(5), 1.0), "many": dict.fromkeys(range(50), 1e6)}
    b = {"few": dict.fromkeys(range(5), 0.0), "many": dict.fromkeys(range(50), 2e6)}
    found = probability_of_improvement(a, b)
    assert found.values == (1, 0)
    assert found.mean == 0.5


def test_both_ways_add_to_one_and_monotone_changes_do_not_matter() -> None:
    a, b = np.random.default_rng(2).standard_normal((2, 3, 5))
    there, back = probability_of_improvement(by_seed(a), by_seed(b)), probability_of_improvement(by_seed(b), by_seed(a))
    assert back.mean == pytest.approx(1 - there.mean)
    assert (back.low, back.high) == pytest.approx((1 - there.high, 1 - there.low))
    assert probability_of_improvement(by_seed(np.exp(a)), by_seed(np.exp(b))) == there


def test_that_all_pairs_agree_is_not_certainty() -> None:
    a, b = np.arange(5.0) + 10, np.arange(5.0)
    found = probability_of_improvement(by_seed(a), by_seed(b))
    assert found.mean == found.high == 1
    assert found.low < 0.5
    eight = probability_of_improvement(by_seed(np.tile(a, (8, 1))), by_seed(np.tile(b, (8, 1))))
    assert 0.85 < eight.low < 1


def test_a_method_is_no_better_than_itself() -> None:
    values = by_seed(np.arange(5.0))
    assert probability_of_improvement(values, values).mean == 0.5
    same = by_seed(np.ones((2, 5)))
    found = probability_of_improvement(same, same)
    assert found.mean == 0.5
    assert found.low < 0.5 < found.high


def test_seeds_of_only_one_are_left_out_and_too_few_leave_no_interval() -> None:
    found = probability_of_improvement({"a": {0: 1.0, 1: 2.0, 9: -9.0}}, {"a": {0: 0.0, 1: 1.0, 8: 99.0}})
    assert found.mean == 0.75  # 2 > 0 and 1 = 1
    assert not found.has_interval


@pytest.mark.parametrize(
    "other", [{}, {"a": {}}, {"b": {0: 1.0, 1: 1.0}}, {"a": {0: 1.0}}, {"a": {0: math.nan, 1: 1.0}}]
)
def test_a_suite_without_pairs_leaves_no_mean(other: dict[str, dict[int, float]]) -> None:
    for found in (
        probability_of_improvement({"a": {0: 1.0, 1: 2.0}}, other),
        probability_of_improvement(other, {"a": {0: 1.0, 1: 2.0}}),
        probability_of_improvement({}, {}),
    ):
        assert math.isnan(found.mean)
        assert not found.has_interval
