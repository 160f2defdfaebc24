"""Means and medians of values, some of which may be unknown (NaN)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np


def mean_of(values: Iterable[float]) -> float:
    """The mean; NaN without values, or if any value is NaN."""
    every = list(values)
    return float(np.mean(every)) if every else math.nan


def mean_of_known(values: Iterable[float]) -> float:
    """The mean of the values that are not NaN; NaN without any."""
    return mean_of(value for value in values if not math.isnan(value))


def median_of_known(values: Iterable[float]) -> float:
    """The median of the values that are not NaN; NaN without any."""
    numbers = [value for value in values if not math.isnan(value)]
    return float(np.median(numbers)) if numbers else math.nan
