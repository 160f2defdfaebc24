"""Tests of a mean difference of 0, on one suite and over several, and the correction for multiple comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from benchmarks.analysis.statistics.estimates import MIN_SEEDS
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.analysis.statistics.small import freedom

_EQUAL = 1e-9  # differences that agree to this part of their size differ by rounding only


def t_test(differences: Iterable[float]) -> float:
    """Two-sided p-value of "the mean difference is 0", by Student's t.

    ``p = 2 P(T_n-1 > |d̄| √n / s)``. Why not the permutation test that flips signs: its exact p-value cannot lie below
    ``2^(1-n)``, which is 1/16 for 5 seeds and 1/512 for 10, so that 5 seeds could never show anything, nor could 10
    after a correction for 30 methods. The t-test needs normal differences, and paired ones come close: where two
    methods do equally well, each sign of a difference is as likely as the other, and for symmetric distributions with
    heavy tails the test errs on the careful side.

    How often p < 0.05 for 5 seeds of two equally good methods, by 20,000 simulations: 0.050 for normal scores, 0.039
    for skewed, 0.044 for heavy-tailed, 0.027 for mixed ones (the distributions of `interval`); for 10 seeds 0.049,
    0.043, 0.047 and 0.044. Were the differences themselves skewed like that, it would be 0.085 for the lognormal and
    0.18 for the mixture.

    Differences that are all equal leave nothing to judge their spread by: p is 1 if they are 0, and else the
    ``2^(1-n)`` of the permutation test, rather than the 0 of an infinite t.

    Args:
        differences: (n,), one per seed.

    Returns:
        p in [0, 1]; NaN below `MIN_SEEDS` differences or if one is not finite.
    """
    values = np.array([float(value) for value in differences])
    n = len(values)
    if n < MIN_SEEDS or not np.all(np.isfinite(values)):
        return math.nan
    size = float(np.max(np.abs(values)))
    if size == 0:
        return 1.0
    if np.ptp(values) <= _EQUAL * size:
        return 2.0 ** (1 - n)
    return _two_sided(float(values.mean()) / float(values.std(ddof=1)) * math.sqrt(n), n - 1)


class Combined(NamedTuple):
    """A mean over suites of mean differences, and whether it is 0."""

    mean: float
    error: float  # its standard error
    freedom: float  # degrees of freedom of the standard error
    p_value: float  # two-sided


def combined(differences_by_suite: Mapping[str, Iterable[float]]) -> Combined:
    """One test of "the mean difference over these suites is 0", every suite with the same weight.

    ``t = D / √V`` for ``D = 1/S Σ d̄_s`` and ``V = 1/S² Σ s_s²/n_s``, with ν degrees of freedom (`freedom`). It is about
    the same suites with other seeds: gains on some and losses on others may cancel, and the suite with the largest
    spread decides most, so that differences should be in a common unit such as percent.

    How often p < 0.05 for methods alike, by 6,000 simulations for 2, 5 and 8 suites of 5 or 10 seeds, equal spreads or
    spreads that double from suite to suite: 0.045 to 0.050 for normal scores, 0.037 to 0.053 for the others.

    Args:
        differences_by_suite: paired differences by seed for each suite.

    Returns:
        NaN throughout without suites or where a suite has fewer than `MIN_SEEDS` differences or one that is not finite.
        Where no suite has any spread, p is ``2^(1-N)`` for N differences other than 0 of the same sign, as in `t_test`,
        and 1 if signs differ or all are 0.

    *Reference: Welch, The generalization of Student's problem, Biometrika 1947; Satterthwaite, An Approximate
    Distribution of Estimates of Variance Components, Biometrics 1946.*
    """
    groups = [np.array([float(value) for value in values]) for values in differences_by_suite.values()]
    if not groups or min(map(len, groups)) < MIN_SEEDS or not all(np.all(np.isfinite(group)) for group in groups):
        return Combined(math.nan, math.nan, math.nan, math.nan)
    mean = float(np.mean([group.mean() for group in groups]))
    error = math.sqrt(sum(group.var(ddof=1) / len(group) for group in groups)) / len(groups)
    degrees = freedom(groups)
    size = max(float(np.max(np.abs(group))) for group in groups)
    if error <= _EQUAL * size:
        signs = np.sign(np.concatenate(groups))
        agreed = abs(signs.sum()) == np.count_nonzero(signs) > 0
        return Combined(mean, 0.0, degrees, 2.0 ** (1 - np.count_nonzero(signs)) if agreed else 1.0)
    return Combined(mean, error, degrees, _two_sided(mean / error, degrees))


def _two_sided(statistic: float, degrees: float) -> float:
    return float(2 * stdtr(degrees, -abs(statistic)))


def holm(p_values: ArrayLike) -> Array:
    """P-values corrected for multiple comparisons: any lies below α with probability α at most, if nothing differs.

    With the p-values in rising order, ``p̃_(i) = max_{j ≤ i} min(1, (m - j + 1) p_(j))``.

    Args:
        p_values: (n,), of any dependence; NaN stands for a comparison that was not tested.

    Returns:
        (n,) in the given order; NaN stays NaN and does not count among the m.

    Raises:
        ValueError: a p-value is outside [0, 1].

    *Reference: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.*
    """
    corrected = np.array(p_values, dtype=float)
    if np.any((corrected < 0) | (corrected > 1)):
        raise ValueError(
            f"p-values lie between 0 and 1, but there are {corrected[(corrected < 0) | (corrected > 1)].tolist()}"
        )
    order = np.argsort(corrected)[: np.count_nonzero(~np.isnan(corrected))]  # NaN sorts last
    corrected[order] = np.maximum.accumulate(np.minimum(1, corrected[order] * np.arange(len(order), 0, -1)))
    return corrected
