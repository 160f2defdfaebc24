"""Means of few values: what they say, what they do not, and how often their interval is right."""

import math

import numpy as np
import pytest

from benchmarks.analysis.statistics import LEVEL, MIN_SEEDS, estimate, geometric_mean, interval
from tests.benchmarks.analysis.statistics.simulation import DISTRIBUTIONS, coverage, share

TRIALS = 2_000


@pytest.mark.parametrize(
    ("kind", "n", "expected"),
    [
        ("normal", 5, 0.947),
        ("normal", 10, 0.949),
        ("skewed", 5, 0.917),
        ("skewed", 10, 0.924),
        ("heavy", 5, 0.951),
        ("heavy", 10, 0.949),
        ("mixture", 5, 0.819),
        ("mixture", 10, 0.893),
    ],
)
def test_coverage_is_that_of_the_docstring(kind: str, n: int, expected: float) -> None:
    values = DISTRIBUTIONS[kind](np.random.default_rng(n), (TRIALS, n))
    assert coverage([estimate(row) for row in values], truth=0) == share(expected, TRIALS)


def test_coverage_follows_the_level() -> None:
    values = np.random.default_rng(2).standard_normal((TRIALS, 5))
    assert coverage([estimate(row, level=0.8) for row in values], truth=0) == share(0.8, TRIALS)


def test_an_interval_needs_five_seeds_holds_the_mean_and_repeats() -> None:
    assert not estimate([1.0] * (MIN_SEEDS - 1)).has_interval
    values = [0.0, 1.0, 2.0, 3.0, 4.0]
    found = estimate(values)
    assert 0 < found.low < found.mean == 2 < found.high < 4
    assert found == estimate(values)
    assert (found.low, found.high) == interval(values)


@pytest.mark.parametrize("n", [5, 10])
def test_an_interval_is_near_that_of_student(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n)
    found = estimate(values)
    half = {5: 2.776, 10: 2.262}[n] * found.sd / math.sqrt(n)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_an_interval_is_longer_on_the_side_of_the_long_tail() -> None:
    found = estimate([0.0, 0.1, 0.2, 0.3, 5.0])
    assert found.high - found.mean > found.mean - found.low


@pytest.mark.parametrize("n", [5, 10])
def test_an_interval_follows_shift_scale_and_sign(n: int) -> None:
    values = np.random.default_rng(3).lognormal(size=n)
    low, high = interval(values.tolist())
    assert interval((7 + 100 * values).tolist()) == pytest.approx((7 + 100 * low, 7 + 100 * high))
    assert interval((-values).tolist()) == pytest.approx((-high, -low), rel=0.05 if n == 10 else 1e-9)


def test_up_to_eight_values_an_interval_does_not_depend_on_their_order() -> None:
    values = np.random.default_rng(4).standard_normal(8)
    assert interval(values.tolist()) == pytest.approx(interval(values[::-1].tolist()))


def test_a_higher_level_is_a_wider_interval() -> None:
    values = [1.0, 5.0, 2.0, 8.0, 3.0]
    narrow, usual, wide = (interval(values, level) for level in (0.8, LEVEL, 0.99))
    assert wide[0] < usual[0] < narrow[0] < narrow[1] < usual[1] < wide[1]


def test_equal_values_give_an_interval_of_no_width() -> None:
    found = estimate([2.0] * MIN_SEEDS)
    assert found.low == found.high == 2


def test_an_estimate_of_few_values_says_what_it_cannot_know() -> None:
    one = estimate([3.0])
    assert (one.mean, one.count) == (3, 1)
    assert math.isnan(one.sd)
    assert math.isnan(estimate([]).mean)
    assert estimate([1.0, 3.0]).sd == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_no_number_leaves_no_interval(bad: float) -> None:
    assert all(math.isnan(end) for end in interval([1.0, 2.0, 3.0, 4.0, bad]))
    assert not math.isfinite(estimate([1.0, 2.0, 3.0, 4.0, bad]).mean)
    assert math.isnan(estimate([bad, -bad]).sd)


def test_a_geometric_mean_of_nothing_is_nan() -> None:
    assert math.isnan(geometric_mean([]))
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4)
