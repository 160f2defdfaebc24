"""Ranks of methods over problems, and whether so few problems can tell so many methods apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from benchmarks.analysis.statistics.estimates import LEVEL
from benchmarks.analysis.statistics.resampling import Array


def ranks(values: Sequence[float], *, higher_is_better: bool) -> list[float]:
    """Rank of each value, 1 the best; ties share their mean rank, and NaN (no finished run) shares the worst."""
    scores = np.asarray(values, dtype=float) * (-1 if higher_is_better else 1)
    return [float(rank) for rank in stats.rankdata(np.where(np.isnan(scores), np.inf, scores))]


def mean_ranks(scores: ArrayLike, *, higher_is_better: bool = True) -> Array:
    """Mean over problems of each method's rank on the problem, as `ranks` gives it.

    A mean rank is relative to the methods it was found among: it changes when one is added.

    Args:
        scores: (methods, problems).
        higher_is_better: of the scores, on every problem.

    Returns:
        (methods,), between 1 and the number of methods; NaN without problems.

    Raises:
        ValueError: the scores are not a matrix.
    """
    rank_matrix = _rank_matrix(scores, higher_is_better)
    return rank_matrix.mean(axis=1) if rank_matrix.size else np.full(len(rank_matrix), math.nan)


def _rank_matrix(scores: ArrayLike, higher_is_better: bool) -> Array:
    """(methods, problems), the ranks within each problem."""
    matrix = np.asarray(scores, dtype=float)
    if matrix.ndim != 2:
        raise ValueError(f"scores must be (methods, problems), not of shape {matrix.shape}")
    columns = [ranks(column.tolist(), higher_is_better=higher_is_better) for column in matrix.T]
    return np.array(columns).T if columns else np.empty((len(matrix), 0))


class Friedman(NamedTuple):
    """Whether the methods' ranks differ at all."""

    statistic: float  # Friedman's χ², corrected for ties
    p_value: float  # by the F distribution of Iman and Davenport


def friedman(scores: ArrayLike) -> Friedman:
    """Test of "all methods have the same expected rank" over problems.

    ``F = (N-1) χ² / (N (k-1) - χ²)`` is compared with the F distribution of k - 1 and (k-1)(N-1) degrees of freedom,
    since χ² itself is too careful with few problems. Without ties no p-value can lie below the chance ``k!^(1-N)`` that
    all problems agree entirely, and none is given below it.

    How often p < 0.05 by chance, in 3,000 simulations, and in brackets for χ²: 0.041 (0.041) for 3 methods on 5
    problems, 0.048 (0.029) for 5 on 5, 0.052 (0.041) for 5 on 8, 0.050 (0.039) for 30 on 8. With only 3 methods small
    p-values are too small: 2.4 % are below 0.01.

    Args:
        scores: (methods k, problems N); NaN is the worst of its problem. The sign of the scores does not matter.

    Returns:
        NaN below 3 methods or 2 problems, or where every problem ties all methods.

    *Reference: Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006, section 3.2.2.*
    """
    rank_matrix = _rank_matrix(scores, higher_is_better=True)
    methods, problems = rank_matrix.shape
    if methods < 3 or problems < 2 or np.all(np.ptp(rank_matrix, axis=0) == 0):
        return Friedman(math.nan, math.nan)
    statistic = float(stats.friedmanchisquare(*rank_matrix).statistic)
    rest = problems * (methods - 1) - statistic
    ratio = (problems - 1) * statistic / rest if rest > 0 else math.inf
    p_value = float(stats.f.sf(ratio, methods - 1, (methods - 1) * (problems - 1)))
    return Friedman(statistic, max(p_value, math.exp((1 - problems) * math.lgamma(methods + 1))))


@lru_cache(maxsize=64)
def critical_difference(methods: int, problems: int, level: float = LEVEL) -> float:
    """Nemenyi's critical difference: mean ranks that lie further apart than this differ at ``1 - level``.

    ``q √(k (k+1) / (6 N))`` with q the quantile of the studentized range of k means with infinite freedom, over √2.
    It holds for all k (k-1) / 2 pairs together.

    Args:
        methods: k, at least 2.
        problems: N, at least 1.
        level: 1 minus the chance that any pair is told apart wrongly.

    Raises:
        ValueError: there are fewer methods or problems than that.

    *Reference: Demšar, JMLR 2006, section 3.2.2; Nemenyi 1963.*
    """
    if methods < 2 or problems < 1:
        raise ValueError(f"ranks need at least 2 methods and 1 problem, not {methods} and {problems}")
    quantile = float(stats.studentized_range.ppf(level, methods, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * problems))


@dataclass(frozen=True)
class RankPower:
    """What mean ranks over a design can show; true where they can show anything."""

    methods: int
    problems: int
    critical_difference: float  # ranks that two methods must lie apart to be told apart
    widest: float  # ranks that the best and the worst can lie apart at most: k - 1

    def __bool__(self) -> bool:
        """Whether a method that is best everywhere can be told from one that is worst everywhere."""
        return self.critical_difference < self.widest

    def __str__(self) -> str:
        """As in "30 methods on 8 problems: ranks must differ by 16.5 of at most 29"."""
        return (
            f"{self.methods} methods on {self.problems} problems: ranks must differ by {self.critical_difference:.1f} "
            f"of at most {self.widest:.0f}"
        )


def has_power(methods: int, problems: int, level: float = LEVEL) -> RankPower:
    """Whether mean ranks over so many problems can tell even the best of so many methods from the worst.

    Compares `critical_difference` with k - 1, the distance of a method that is first on every problem from one that
    is last on every problem. Being possible is the least one can ask: 30 methods on 8 problems need 16.5 of 29 ranks,
    so that no two methods of the better half can ever be told apart.

    Raises:
        ValueError: as `critical_difference`.
    """
    return RankPower(methods, problems, critical_difference(methods, problems, level), methods - 1)
