"""Pure functions on arrays: a mean with its uncertainty, and ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

MIN_SEEDS = 5  # below it a bootstrap interval says more about the few seeds than about the method
LEVEL = 0.95
RESAMPLES = 9_999
BOOTSTRAP_SEED = 0  # the same values give the same interval in every report


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds. What the number of seeds does not allow is NaN.

    Attributes:
        values: one number per finished seed.
        mean: NaN without values.
        sd: standard deviation with n - 1; NaN below two values.
        low: lower end of the 95 % bootstrap interval of the mean; NaN below `MIN_SEEDS` values.
        high: its upper end.
    """

    values: tuple[float, ...]
    mean: float
    sd: float
    low: float
    high: float

    @property
    def count(self) -> int:
        """How many seeds the mean is over."""
        return len(self.values)

    @property
    def has_interval(self) -> bool:
        """Whether there were enough seeds for an interval."""
        return math.isfinite(self.low)


def estimate(values: Iterable[float]) -> Estimate:
    """Mean, standard deviation and, from `MIN_SEEDS` values on, a bootstrap interval of the mean."""
    kept = tuple(float(value) for value in values)
    mean = float(np.mean(kept)) if kept else math.nan
    sd = float(np.std(kept, ddof=1)) if len(kept) > 1 else math.nan
    return Estimate(kept, mean, sd, *interval(kept))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean, the same for the same values; NaN below `MIN_SEEDS` finite values."""
    if len(values) < MIN_SEEDS or not np.all(np.isfinite(values)):
        return math.nan, math.nan
    found = stats.bootstrap(
        (np.asarray(values),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(BOOTSTRAP_SEED),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def ranks(values: Sequence[float], *, higher_is_better: bool) -> list[float]:
    """Rank of each value, 1 the best; ties share their mean rank, and NaN (no finished run) shares the worst."""
    scores = np.asarray(values, dtype=float) * (-1 if higher_is_better else 1)
    return [float(rank) for rank in stats.rankdata(np.where(np.isnan(scores), np.inf, scores))]


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of positive numbers, NaN of nothing."""
    kept = list(values)
    return math.exp(sum(math.log(value) for value in kept) / len(kept)) if kept else math.nan
