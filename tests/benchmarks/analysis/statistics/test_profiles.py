"""The middle half of runs, and the shares above thresholds."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.analysis.statistics import iqm, performance_profile
from tests.benchmarks.analysis.statistics.simulation import DISTRIBUTIONS, coverage

NAN = math.nan


@pytest.mark.parametrize("kind", ["normal", "skewed", "heavy", "mixture"])
def test_coverage_is_near_the_level(kind: str) -> None:
    rng, trials = np.random.default_rng(0), 150
    runs, suites = DISTRIBUTIONS[kind](rng, (trials, 5, 5)), np.linspace(0, 2, 5)
    every = np.sort((DISTRIBUTIONS[kind](rng, (5, 40_000)) + suites[:, None]).ravel())
    truth = float(every[len(every) // 4 : 3 * len(every) // 4].mean())
    found = [iqm({str(s): row for s, row in enumerate(trial + suites[:, None])}) for trial in runs]
    assert 0.93 - 4 * math.sqrt(0.93 * 0.07 / trials) < coverage(found, truth)


@pytest.mark.parametrize("sizes", [(4, 4), (8,), (20, 20, 20)])
def test_it_is_the_trimmed_mean_where_quarters_are_whole(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    groups = {str(s): rng.standard_normal(n) for s, n in enumerate(sizes)}
    expected = float(stats.trim_mean(np.concatenate([*groups.values()]), 0.25))
    assert iqm(groups).mean == pytest.approx(expected)


def test_runs_at_the_quartiles_count_in_part() -> None:
    # of five runs, a quarter is one and a quarter of them: 0.75 of the second, the third, 0.75 of the fourth
    assert iqm({"a": [0.0, 1.0, 2.0, 30.0, 400.0]}).mean == pytest.approx((0.75 * 1 + 2 + 0.75 * 30) / 2.5)
    assert iqm({"a": [7.0]}).mean == 7
    assert iqm({"a": [1.0, 3.0]}).mean == pytest.approx(2)


def test_suites_weigh_the_same_whatever_their_number_of_seeds() -> None:
    few, many = [0.0, 1.0, 2.0], [5.0, 6.0, 7.0]
    assert iqm({"a": few, "b": many * 10}).mean == pytest.approx(iqm({"a": few * 10, "b": many * 10}).mean)


def test_it_follows_shift_and_scale_and_ignores_a_wild_run() -> None:
    values = np.random.default_rng(2).standard_normal((2, 6))
    groups = {"a": values[0], "b": values[1]}
    found, moved = iqm(groups), iqm({s: 3 + 2 * row for s, row in groups.items()})
    assert (moved.mean, moved.low, moved.high) == pytest.approx(
        tuple(3 + 2 * x for x in (found.mean, found.low, found.high))
    )
    wild = iqm({**groups, "a": np.where(values[0] == values[0].max(), 1e9, values[0])})
    assert wild.mean == found.mean
    assert found.low < found.mean < found.high
    assert iqm(groups) == found


def test_too_few_seeds_leave_no_interval_and_nothing_no_mean() -> None:
    assert math.isfinite(iqm({"a": [1.0] * 4}).mean)
    assert not iqm({"a": [1.0] * 4}).has_interval
    for suites in ({}, {"a": []}, {"a": [1.0] * 5, "b": []}, {"a": [NAN, 1.0, 2.0, 3.0, 4.0]}, {"a": [math.inf] * 5}):
        assert math.isnan(iqm(suites).mean)
        assert not iqm(suites).has_interval


def test_equal_runs_give_an_interval_of_no_width() -> None:
    found = iqm({"a": [2.0] * 5, "b": [2.0] * 6})
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2, 2))


def test_a_profile_is_the_share_at_or_above_with_suites_alike() -> None:
    found = performance_profile({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0]}, [0.0, 2.0, 2.5, 9.0])
    assert found.tolist() == pytest.approx([1, (0.75 + 1) / 2, 0.25, 0])


def test_a_run_without_a_number_reached_nothing() -> None:
    assert performance_profile({"a": [NAN, 5.0]}, [-math.inf, 1.0]).tolist() == [0.5, 0.5]


def test_a_profile_falls_and_its_area_is_the_mean() -> None:
    values = np.random.default_rng(3).random((3, 10))
    thresholds = (np.arange(10_000) + 0.5) / 10_000
    found = performance_profile({str(s): row.tolist() for s, row in enumerate(values)}, thresholds)
    assert np.all(np.diff(found) <= 0)
    assert found.mean() == pytest.approx(values.mean(), abs=1e-4)


@pytest.mark.parametrize("suites", [{}, {"a": []}, {"a": [1.0], "b": []}])
def test_a_profile_of_nothing_is_nan(suites: dict[str, list[float]]) -> None:
    assert np.isnan(performance_profile(suites, [0.0, 1.0])).all()
