"""Agreement of orders against a count of pairs."""

import math
from itertools import combinations

import numpy as np
import pytest

from benchmarks.analysis.statistics import kendall, stability

NAN = math.nan


def counted(a: np.ndarray, b: np.ndarray) -> float:
    """τ-b by its definition."""
    signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
    agreed = sum(x * y for x, y in signs)
    return float(agreed / math.sqrt(sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs)))


@pytest.mark.parametrize("seed", range(5))
def test_tau_is_that_of_a_count_of_pairs_with_ties(seed: int) -> None:
    a, b = np.random.default_rng(seed).integers(0, 4, (2, 10))
    assert kendall(a, b) == pytest.approx(counted(a, b))


def test_tau_is_of_orders_only() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 12))
    assert kendall(a, a) == pytest.approx(1)
    assert kendall(a, -a) == pytest.approx(-1)
    assert kendall(np.exp(a), b) == pytest.approx(kendall(b, a))
    assert kendall(-a, b) == pytest.approx(-kendall(a, b))


def test_tau_of_chance_is_zero_on_average() -> None:
    pairs = np.random.default_rng(1).standard_normal((1000, 2, 8))
    spread = math.sqrt(2 * (2 * 8 + 5) / (9 * 8 * 7))  # of τ under independence
    assert np.mean([kendall(a, b) for a, b in pairs]) == pytest.approx(0, abs=4 * spread / math.sqrt(1000))


def test_methods_without_a_result_are_left_out() -> None:
    assert kendall([1.0, 2.0, NAN, 4.0], [1.0, 3.0, 0.0, 2.0]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([NAN, 1.0], [1.0, 2.0])])
def test_without_an_order_there_is_no_tau(a: list[float], b: list[float]) -> None:
    assert math.isnan(kendall(a, b))


def test_scores_of_other_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="two scores per method"):
        kendall([1.0, 2.0], [1.0, 2.0, 3.0])


def test_stability_is_the_mean_over_pairs_and_says_which() -> None:
    scores = np.random.default_rng(2).standard_normal((4, 8))
    found = stability(scores)
    assert list(found.pairs) == list(combinations(range(4), 2))
    assert found.pairs[1, 3] == kendall(scores[1], scores[3])
    assert found.mean == pytest.approx(np.mean(list(found.pairs.values())))
    assert found.left_out == ()


def test_columns_without_an_order_are_named_and_left_out() -> None:
    found = stability([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [NAN, NAN, 1.0]])
    assert found.mean == pytest.approx(1 / 3)
    assert found.left_out == ((0, 2), (1, 2))


def test_one_column_has_no_stability() -> None:
    assert math.isnan(stability([[1.0, 2.0]]).mean)
    assert math.isnan(stability(np.empty((0, 0))).mean)
    with pytest.raises(ValueError, match="columns, methods"):
        stability([1.0, 2.0])
