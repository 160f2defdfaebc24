"""Tests of differences: their size and power by simulation, and the correction for being many by hand."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from benchmarks.analysis.statistics import combined, holm, power_of, t_test
from tests.benchmarks.analysis.statistics.simulation import DISTRIBUTIONS, share

TRIALS = 4_000
NAN = math.nan


def rejected(p_values: list[float], size: float = 0.05) -> float:
    return float(np.mean(np.array(p_values) < size))


@pytest.mark.parametrize(
    ("kind", "expected"), [("normal", 0.05), ("skewed", 0.039), ("heavy", 0.044), ("mixture", 0.027)]
)
def test_the_size_for_differences_of_like_methods_is_that_of_the_docstring(kind: str, expected: float) -> None:
    first, second = DISTRIBUTIONS[kind](np.random.default_rng(0), (2, TRIALS, 5))
    assert rejected([t_test(row) for row in first - second]) == share(expected, TRIALS)


def test_the_power_is_the_one_that_was_computed() -> None:
    differences = 1.5 + np.random.default_rng(1).standard_normal((TRIALS, 5))
    assert rejected([t_test(row) for row in differences]) == share(power_of(1.5, 1, 5), TRIALS)


def test_a_t_test_is_scipys_and_does_not_depend_on_sign_or_scale() -> None:
    differences = np.random.default_rng(2).standard_normal(7) + 0.5
    expected = float(np.asarray(stats.ttest_1samp(differences, 0))[1])
    for changed in (differences, -differences, 1e-6 * differences, differences[::-1]):
        assert t_test(changed) == pytest.approx(expected)


def test_differences_without_spread_have_the_p_value_of_their_signs() -> None:
    assert t_test([0.0] * 5) == 1
    assert t_test([0.1] * 5) == 1 / 16
    assert t_test([1.3 - 1.0, 2.3 - 2.0, 3.3 - 3.0, 4.3 - 4.0, 5.3 - 5.0]) == 1 / 16


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, NAN], [1.0, 2.0, 3.0, 4.0, math.inf]]
)
def test_too_few_differences_are_not_tested(values: list[float]) -> None:
    assert math.isnan(t_test(values))


@pytest.mark.parametrize("spread", [np.ones(5), 2.0 ** np.arange(5)])
@pytest.mark.parametrize("kind", ["normal", "heavy"])
def test_the_size_over_suites_holds_with_unequal_variances(kind: str, spread: np.ndarray) -> None:
    first, second = DISTRIBUTIONS[kind](np.random.default_rng(3), (2, TRIALS, 5, 5))
    differences = (first - second) * spread[:, None]
    found = [combined({str(s): row for s, row in enumerate(trial)}).p_value for trial in differences]
    assert rejected(found) == share(0.048, TRIALS)
    assert rejected(found, 0.01) <= 0.01 + 4 * math.sqrt(0.01 / TRIALS)


def test_suites_together_show_what_none_shows_alone() -> None:
    differences = 0.5 + np.random.default_rng(4).standard_normal((1000, 8, 5))
    together = [combined({str(s): row for s, row in enumerate(trial)}).p_value for trial in differences]
    alone = [t_test(trial[0]) for trial in differences]
    assert rejected(together) == share(power_of(0.5, 1, 40), 1000)
    assert rejected(alone) < 0.2


def test_one_suite_alone_is_a_t_test() -> None:
    differences = np.random.default_rng(5).standard_normal(6) + 1
    found = combined({"only": differences})
    assert found.p_value == pytest.approx(t_test(differences))
    assert found.freedom == pytest.approx(5)
    assert found.mean == pytest.approx(differences.mean())
    assert found.error == pytest.approx(stats.sem(differences))


def test_two_suites_are_the_test_of_welch() -> None:
    rng = np.random.default_rng(6)
    first, second = rng.standard_normal(5), 3 * rng.standard_normal(9) + 1
    welch = stats.ttest_ind(first, -second, equal_var=False)
    found = combined({"a": first, "b": second})
    assert found.p_value == pytest.approx(float(np.asarray(welch)[1]))
    assert found.freedom == pytest.approx(float(welch.df))  # pyright: ignore[reportAttributeAccessIssue]


def test_opposite_gains_cancel() -> None:
    gains = np.arange(1.0, 6.0)
    found = combined({"a": gains, "b": -gains})
    assert found.mean == 0
    assert found.p_value == pytest.approx(1)


def test_suites_without_spread_have_the_p_value_of_their_signs() -> None:
    assert combined({"a": [0.0] * 5, "b": [0.0] * 5}).p_value == 1
    assert combined({"a": [0.1] * 5, "b": [0.3] * 5}).p_value == 2**-9
    assert combined({"a": [0.1] * 5, "b": [0.0] * 5}).p_value == 2**-4
    assert combined({"a": [0.1] * 5, "b": [-0.3] * 5}).p_value == 1


@pytest.mark.parametrize(
    "suites", [{}, {"a": []}, {"a": [1.0, 2, 3, 4, 5], "b": [1.0] * 4}, {"a": [NAN, 1.0, 2, 3, 4]}]
)
def test_a_suite_with_too_few_differences_leaves_no_test(suites: dict[str, list[float]]) -> None:
    assert all(math.isnan(value) for value in combined(suites))


def test_holm_is_that_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]).tolist() == [1, 1]
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).tolist() == []


def test_holm_does_not_count_what_was_not_tested() -> None:
    found = holm([0.01, NAN, 0.03, NAN])
    assert found[[0, 2]].tolist() == pytest.approx([0.02, 0.03])
    assert np.isnan(found[[1, 3]]).all()
    assert np.isnan(holm([NAN, NAN])).all()


def test_holm_is_the_closed_test_of_bonferroni() -> None:
    p_values = np.random.default_rng(7).random(6) / 5
    for i, found in enumerate(holm(p_values)):
        sets = [chosen for m in range(1, 7) for chosen in combinations(range(6), m) if i in chosen]
        assert found == pytest.approx(min(1, max(len(chosen) * p_values[list(chosen)].min() for chosen in sets)))


def test_holm_does_not_change_its_input_or_the_order() -> None:
    p_values = np.array([0.03, 0.01, 0.02])
    shuffled = holm(p_values[[1, 2, 0]])
    assert holm(p_values)[[1, 2, 0]].tolist() == shuffled.tolist()
    assert p_values.tolist() == [0.03, 0.01, 0.02]


def test_holm_rejects_anything_wrongly_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(8)
    p_values = rng.random((TRIALS, 10))
    assert np.mean([holm(row).min() < 0.05 for row in p_values]) == share(1 - (1 - 0.005) ** 10, TRIALS)


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_what_is_no_p_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, bad])
