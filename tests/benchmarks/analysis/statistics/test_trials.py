"""What fewer trials would have found, against all subsets."""

import math
from itertools import combinations

import numpy as np
import pytest

from benchmarks.analysis.statistics import expected_best

NAN = math.nan


def over_subsets(validation: np.ndarray, outcomes: np.ndarray) -> list[float]:
    """The mean over all subsets of each size; of tied trials, the mean outcome."""

    def chosen(subset: tuple[int, ...]) -> float:
        kept = list(subset)
        return float(outcomes[kept][validation[kept] == validation[kept].min()].mean())

    n = len(validation)
    return [float(np.mean([chosen(s) for s in combinations(range(n), m)])) for m in range(1, n + 1)]


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_expectations_are_means_over_all_subsets(n: int) -> None:
    validation, outcomes = np.random.default_rng(n).standard_normal((2, n))
    assert expected_best(validation, outcomes).tolist() == pytest.approx(over_subsets(validation, outcomes))
    assert expected_best(validation).tolist() == pytest.approx(over_subsets(validation, validation))


def test_ties_are_chosen_with_equal_chance() -> None:
    validation, outcomes = np.array([1.0, 0.0, 1.0, 0.0, 1.0]), np.array([5.0, 1.0, 7.0, 4.0, 0.0])
    assert expected_best(validation, outcomes).tolist() == pytest.approx(over_subsets(validation, outcomes))
    assert expected_best([3.0, 3.0, 3.0], [1.0, 2.0, 6.0]).tolist() == pytest.approx([3, 3, 3])


def test_it_is_unbiased_for_what_fresh_trials_would_give() -> None:
    trials = np.random.default_rng(0).random((4000, 12))
    found = np.mean([expected_best(row) for row in trials], axis=0)
    assert found.tolist() == pytest.approx([1 / (m + 1) for m in range(1, 13)], abs=0.006)  # minimum of m uniforms


def test_the_ends_are_the_mean_and_the_best_and_scores_fall_between() -> None:
    scores = np.random.default_rng(1).standard_normal(300)
    found = expected_best(scores)
    assert found[0] == pytest.approx(scores.mean())
    assert found[-1] == pytest.approx(scores.min())
    assert np.all(np.diff(found) <= 1e-12)


def test_the_order_of_trials_does_not_matter_and_scales_carry_over() -> None:
    validation, outcomes = np.random.default_rng(2).standard_normal((2, 20))
    found = expected_best(validation, outcomes)
    assert expected_best(validation[::-1], outcomes[::-1]) == pytest.approx(found)
    assert expected_best(np.exp(validation), 3 - 2 * outcomes) == pytest.approx(3 - 2 * found)


def test_a_search_that_overfits_validation_gets_worse_with_trials() -> None:
    validation = np.arange(10.0)
    assert np.all(np.diff(expected_best(validation, -validation)) > 0)


def test_a_diverged_trial_is_chosen_only_where_nothing_else_is() -> None:
    assert expected_best([3.0, NAN, 1.0], [1.0, 9.0, 2.0]).tolist() == pytest.approx([4, 5 / 3, 2])
    found = expected_best([3.0, NAN, 1.0])
    assert math.isnan(found[0])
    assert found[1:].tolist() == pytest.approx([5 / 3, 1])


def test_no_trials_give_nothing_and_other_outcomes_are_refused() -> None:
    assert expected_best([]).tolist() == []
    with pytest.raises(ValueError, match="one outcome per trial"):
        expected_best([1.0, 2.0], [1.0])
