"""Ranks, the test whether they differ, and what so few problems can show."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.analysis.statistics import critical_difference, friedman, has_power, mean_ranks, ranks
from tests.benchmarks.analysis.statistics.simulation import share

NAN = math.nan


def test_ranks_share_ties() -> None:
    assert ranks([3.0, 1.0, 3.0, NAN], higher_is_better=True) == [1.5, 3, 1.5, 4]
    assert ranks([3.0, 1.0], higher_is_better=False) == [2, 1]
    assert ranks([], higher_is_better=True) == []


def test_mean_ranks_are_those_worked_out_by_hand() -> None:
    scores = [[3.0, 1.0], [2.0, 2.0], [1.0, NAN]]
    assert mean_ranks(scores).tolist() == [1.5, 1.5, 3]
    assert mean_ranks(scores, higher_is_better=False).tolist() == [2, 2, 2]


def test_mean_ranks_sum_to_what_ranks_do_and_ignore_monotone_changes() -> None:
    scores = np.random.default_rng(0).standard_normal((7, 5))
    assert mean_ranks(scores).sum() == pytest.approx(7 * 8 / 2)
    assert mean_ranks(np.exp(3 * scores)).tolist() == mean_ranks(scores).tolist()
    assert mean_ranks(-scores, higher_is_better=False).tolist() == mean_ranks(scores).tolist()


def test_ranks_of_nothing_are_nan_and_a_vector_is_refused() -> None:
    assert np.isnan(mean_ranks(np.empty((3, 0)))).all()
    assert mean_ranks(np.empty((0, 3))).tolist() == []
    with pytest.raises(ValueError, match="methods, problems"):
        mean_ranks([1.0, 2.0])


def test_friedmans_statistic_is_that_of_demsar() -> None:
    # table 6 and section 3.2.2; the correction for ties, which the paper leaves out, makes 10.23 of its 9.28
    c45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957]
    with_m = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978]
    with_cf = [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.9751, 0.946]
    with_both = [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970]
    scores = np.array([c45, with_m, with_cf, with_both])
    assert mean_ranks(scores) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=0.001)
    assert 12 * 14 / (4 * 5) * (np.sum(mean_ranks(scores) ** 2) - 4 * 5**2 / 4) == pytest.approx(9.28, abs=0.01)
    found = friedman(scores)
    assert found.statistic == pytest.approx(10.23, abs=0.01)
    ratio = 13 * found.statistic / (14 * 3 - found.statistic)
    assert found.p_value == pytest.approx(float(stats.f.sf(ratio, 3, 39)))


@pytest.mark.parametrize(("methods", "problems"), [(5, 5), (30, 8)])
def test_the_size_of_friedmans_test_is_that_of_the_docstring(methods: int, problems: int) -> None:
    scores = np.random.default_rng(1).random((800, methods, problems))
    assert np.mean([friedman(one).p_value < 0.05 for one in scores]) == share(0.05, 800)


def test_friedmans_test_ignores_shifts_of_problems_and_the_sign() -> None:
    scores = np.random.default_rng(2).standard_normal((4, 6))
    found = friedman(scores)
    assert friedman(scores + 100 * np.arange(6)) == found
    assert friedman(-scores) == pytest.approx(found)
    assert found.statistic == pytest.approx(float(stats.friedmanchisquare(*scores).statistic))


def test_agreement_of_all_problems_is_as_likely_as_chance_makes_it() -> None:
    scores = np.tile(np.arange(4.0)[:, None], 3)
    assert friedman(scores).p_value == pytest.approx(math.factorial(4) ** -2)


@pytest.mark.parametrize(
    "scores", [np.ones((3, 4)), np.ones((2, 4)), np.ones((4, 1)), np.empty((0, 0)), np.full((3, 3), NAN)]
)
def test_without_an_order_there_is_no_test(scores: np.ndarray) -> None:
    assert all(math.isnan(value) for value in friedman(scores))


@pytest.mark.parametrize(("methods", "quantile"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_has_the_quantiles_of_demsar(methods: int, quantile: float) -> None:
    scale = math.sqrt(methods * (methods + 1) / (6 * 14))
    assert critical_difference(methods, 14) == pytest.approx(quantile * scale, abs=0.001)


def test_the_critical_difference_is_exceeded_by_chance_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = np.argsort(rng.random((4000, 40, 5)), axis=2).mean(axis=1)  # (trials, methods), mean ranks over 40 problems
    widest = np.ptp(found, axis=1)
    assert np.mean(widest > critical_difference(5, 40)) == share(0.05, 4000)


def test_thirty_methods_on_eight_problems_need_more_than_half_of_all_ranks() -> None:
    found = has_power(30, 8)
    assert found
    assert found.critical_difference == pytest.approx(16.5, abs=0.05)
    assert found.widest == 29
    assert str(found) == "30 methods on 8 problems: ranks must differ by 16.5 of at most 29"


@pytest.mark.parametrize(
    ("methods", "problems", "possible"), [(2, 3, False), (2, 4, True), (30, 2, False), (30, 3, True)]
)
def test_a_design_has_power_once_best_and_worst_can_be_told_apart(methods: int, problems: int, possible: bool) -> None:
    assert bool(has_power(methods, problems)) is possible


@pytest.mark.parametrize(("methods", "problems"), [(1, 5), (5, 0)])
def test_a_design_of_nothing_is_refused(methods: int, problems: int) -> None:
    with pytest.raises(ValueError, match="at least 2 methods"):
        has_power(methods, problems)
