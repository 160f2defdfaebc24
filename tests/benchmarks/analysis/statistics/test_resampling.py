"""All resamples are listed where they can be, and seeded ones have the same distribution."""

from itertools import product

import numpy as np
import pytest

from benchmarks.analysis.statistics.resampling import RESAMPLES, percentile_interval, resamples, stratified


@pytest.mark.parametrize("n", [1, 2, 4])
def test_listed_resamples_are_those_of_brute_force(n: int) -> None:
    counts, weights = resamples(n)
    drawn = [tuple(np.bincount(chosen, minlength=n).tolist()) for chosen in product(range(n), repeat=n)]
    assert len(set(drawn)) == len(counts)
    for row, weight in zip(counts.tolist(), weights, strict=True):
        assert weight == pytest.approx(drawn.count(tuple(row)) / len(drawn))


@pytest.mark.parametrize(("n", "count"), [(5, 126), (8, 6435), (9, RESAMPLES), (30, RESAMPLES)])
def test_counts_sum_to_n_and_weights_to_one(n: int, count: int) -> None:
    found = resamples(n)
    assert found.counts.shape == (count, n)
    assert np.all(found.counts.sum(axis=1) == n)
    assert found.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("n", [5, 10])
def test_the_resampled_mean_has_the_variance_that_theory_gives(n: int) -> None:
    values = np.random.default_rng(n).standard_normal(n)
    found = resamples(n)
    means = found.counts @ values / n
    center = found.weights @ means
    assert center == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(n * RESAMPLES))
    assert found.weights @ (means - center) ** 2 == pytest.approx(values.var() / n, rel=0.06)


def test_groups_are_resampled_independently_and_always_alike() -> None:
    first, second = stratified([6, 6])
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 4 / np.sqrt(RESAMPLES)
    again = stratified([6, 6])
    assert np.array_equal(first, again[0])
    assert np.array_equal(second, again[1])


def test_cached_resamples_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        resamples(5).counts[0, 0] = 9


def test_a_percentile_interval_of_equal_weights_is_that_of_numpy() -> None:
    values = np.random.default_rng(0).standard_normal(999)
    expected = np.quantile(values, [0.05, 0.95], method="hazen")
    assert percentile_interval(values, 0.9) == pytest.approx(expected.tolist())
    assert percentile_interval(values, 0.9, np.full(999, 1 / 999)) == pytest.approx(expected.tolist())


def test_a_weighted_interval_lies_between_the_middles_of_the_weights() -> None:
    # the middles are 1/4, 5/8 and 7/8, and the ends of the interval 3/8 and 5/8
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.25, 0.5, 0.25])
    assert percentile_interval(values, 0.25, weights) == pytest.approx((4 / 3, 2))
