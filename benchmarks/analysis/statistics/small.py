"""What few runs cost: the factor that their intervals must be wider by, and degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from benchmarks.analysis.statistics.resampling import Array


def widening(runs: int, groups: int, degrees: float, level: float) -> float:
    """By how much a percentile interval from few runs is too narrow: ``√(N / (N-G)) t_ν / z``.

    The first factor makes up for resampling's division by n, instead of n - 1, within each of G groups; the second puts
    Student's quantile in place of the normal one. For one group of 5 it is 1.58 at 95 %, and for 10 it is 1.22.

    Args:
        runs: N, the runs of all groups together.
        groups: G, how many groups they come from.
        degrees: ν, the degrees of freedom of the spread.
        level: of the interval.

    *Reference: Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 2015, on narrowness
    bias.*
    """
    tail = (1 + level) / 2
    return math.sqrt(runs / (runs - groups)) * float(stdtrit(degrees, tail) / ndtri(tail))


def freedom(groups: Sequence[Array]) -> float:
    """Degrees of freedom of the mean of groups' means: ``ν = (Σ v)² / Σ v²/(n-1)`` for ``v = s²/n``.

    Between the smallest n - 1, where one group has all the spread, and ``Σ (n-1)``, where all have the same. The latter
    also stands where no group has any spread.

    *Reference: Satterthwaite, An Approximate Distribution of Estimates of Variance Components, Biometrics 1946.*
    """
    spread = np.array([group.var(ddof=1) / len(group) for group in groups])
    degrees = np.array([len(group) - 1 for group in groups])
    if not spread.any():
        return float(degrees.sum())
    spread = spread / spread.max()
    return float(spread.sum() ** 2 / (spread**2 / degrees).sum())
