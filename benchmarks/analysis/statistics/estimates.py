"""A mean over few runs, and the interval that few runs allow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.analysis.statistics.resampling import percentile_interval, resamples
from benchmarks.analysis.statistics.small import widening

MIN_SEEDS = 5  # below it an interval says more about the few seeds than about the method
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, or over suites. What their number does not allow is NaN.

    Attributes:
        values: one number per finished seed, or per suite.
        mean: NaN without values.
        sd: standard deviation with n - 1; NaN below two values.
        low: lower end of the bootstrap interval of the mean; NaN where there are too few runs for one.
        high: its upper end.
    """

    values: tuple[float, ...]
    mean: float
    sd: float
    low: float
    high: float

    @property
    def count(self) -> int:
        """How many values the mean is over."""
        return len(self.values)

    @property
    def has_interval(self) -> bool:
        """Whether there was enough for an interval."""
        return math.isfinite(self.low)


def estimate(values: Iterable[float], level: float = LEVEL) -> Estimate:
    """Mean, standard deviation and, from `MIN_SEEDS` values on, the `interval` of the mean; NaN if any value is."""
    kept = tuple(float(value) for value in values)
    return described(kept, interval(kept, level))


def described(values: Sequence[float], ends: tuple[float, float]) -> Estimate:
    """The estimate with these values and the interval that was found for their mean."""
    kept = tuple(float(value) for value in values)
    with np.errstate(invalid="ignore"):  # of infinite values
        mean = float(np.mean(kept)) if kept else math.nan
        sd = float(np.std(kept, ddof=1)) if len(kept) > 1 else math.nan
    return Estimate(kept, mean, sd, *ends)


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Bootstrap interval of the mean of few values, the same for the same values.

    The percentile interval, widened about the mean for the smallness of n::

        [x̄ + f (q_α/2 - x̄), x̄ + f (q_1-α/2 - x̄)],   f = √(n/(n-1)) t_n-1 / z

    with q the quantiles of the resampled mean, over all resamples up to n = 8 (`resamples`).

    How often the interval holds the true mean at 95 %, and what else could have been done, by 20,000 simulations each
    (standard error 0.002)::

                                 normal        lognormal, σ = ½    t, 5 degrees    N(0, ½²), + 3 in 20 %
                                 n = 5   10       5     10           5     10           5     10
        this interval            0.947  0.949   0.917  0.924       0.951  0.949       0.819  0.893
        percentile               0.843  0.905   0.807  0.875       0.835  0.898       0.708  0.873
        expanded percentile      0.928  0.947   0.898  0.923       0.926  0.945       0.800  0.896
        bootstrap-t              0.954  0.951   0.935  0.938       0.949  0.939       0.862  0.905
        Student                  0.952  0.952   0.918  0.919       0.958  0.957       0.825  0.895

    The percentiles of resampled means cannot leave the range of the values, which for 5 of a symmetric distribution
    misses the mean once in 16, so that expanding the percentiles instead of the interval cannot reach 95 %. The
    bootstrap-t buys its lead with intervals 1.3 to 1.7 times as wide for 5 values. This one is as right as Student's,
    its longer side is that of the longer tail, and the same widening serves what has no formula (`iqm`).

    Args:
        values: (n,), one per seed.
        level: of the interval, in (0, 1).

    Returns:
        Its ends; NaN below `MIN_SEEDS` values or if one is not finite. Equal values give an interval of no width.

    *Reference: Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 2015, on
    narrowness bias and the expanded percentile interval.*
    """
    if len(values) < MIN_SEEDS or not np.all(np.isfinite(values)):
        return math.nan, math.nan
    n, mean = len(values), float(np.mean(values))
    drawn = resamples(n)
    ends = percentile_interval(drawn.counts @ (np.asarray(values) - mean) / n, level, drawn.weights)
    factor = widening(n, 1, n - 1, level)
    return mean + factor * ends[0], mean + factor * ends[1]


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of positive numbers, NaN of nothing."""
    kept = list(values)
    return math.exp(sum(math.log(value) for value in kept) / len(kept)) if kept else math.nan
