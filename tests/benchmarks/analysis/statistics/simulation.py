"""Simulated coverage and size, and how far they may lie from what they should be."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.analysis.statistics import Estimate
from benchmarks.analysis.statistics.resampling import Array

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

#: distributions with mean 0, of the kinds that scores over seeds come in
DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skewed": lambda rng, shape: np.exp(0.5 * rng.standard_normal(shape)) - math.exp(0.125),
    "heavy": lambda rng, shape: rng.standard_t(5, shape),
    "mixture": lambda rng, shape: 0.5 * rng.standard_normal(shape) + 3 * (rng.random(shape) < 0.2) - 0.6,
}


def share(expected: float, trials: int) -> object:
    """What a share of so many independent trials may be: within four standard errors."""
    return pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / trials))


def coverage(found: list[Estimate], truth: float) -> float:
    """The share of intervals that hold the truth."""
    assert all(one.has_interval for one in found)
    return float(np.mean([one.low <= truth <= one.high for one in found]))
