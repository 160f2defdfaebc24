"""What most runs of a method reach: the mean of the middle half, and shares of runs above thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.analysis.statistics.estimates import LEVEL, MIN_SEEDS, Estimate, described
from benchmarks.analysis.statistics.resampling import Array, percentile_interval, stratified
from benchmarks.analysis.statistics.small import widening


def iqm(values_by_suite: Mapping[str, Iterable[float]], level: float = LEVEL) -> Estimate:
    """Interquartile mean: the mean of the middle half of all runs, every suite with the same weight.

    ``2 ∫ Q(u) du`` over u from ¼ to ¾, with Q the quantile function of all runs, where a run of a suite with n weighs
    1/n. Runs at the quartiles count in part, so that any number of runs will do. A single wild run does not move it,
    nor does what happens on a suite whose scores all lie at one end: it says what is typical, not what is on average.

    The interval resamples the seeds within each suite and is widened as in `interval`, with ``Σ (n-1)`` degrees of
    freedom.

    Coverage at 95 %, for the distributions of `interval` (1,000 simulations each): 0.94 to 0.95 for 5 and 8 suites of 5
    seeds whose means differ, 0.97 to 0.98 for one suite of 5 or 10.

    Args:
        values_by_suite: scores per seed for each suite, on a scale that is the same on all of them.
        level: of the interval.

    Returns:
        An `Estimate` whose values are the runs, suite by suite, and whose mean is the interquartile mean. NaN where a
        suite has no values or a NaN; the interval also where a suite has fewer than `MIN_SEEDS`.

    *Reference: Agarwal et al., Deep RL at the Edge of the Statistical Precipice, NeurIPS 2021, section 4.3.*
    """
    groups = [np.array([float(value) for value in values]) for values in values_by_suite.values()]
    values = np.concatenate([*groups, np.empty(0)])
    none = replace(described(values.tolist(), (math.nan, math.nan)), mean=math.nan)
    if not groups or min(map(len, groups)) == 0 or not np.all(np.isfinite(values)):
        return none
    order = np.argsort(values)
    shares = np.concatenate([np.full(len(group), 1 / len(group)) for group in groups]) / len(groups)
    mean = float(_middle_mean(values[order], shares[order]))
    if min(map(len, groups)) < MIN_SEEDS:
        return replace(none, mean=mean)
    counts = np.concatenate(stratified([len(group) for group in groups]), axis=1)  # (B, N)
    low, high = percentile_interval(_middle_mean(values[order], (counts * shares)[:, order]) - mean, level)
    factor = widening(len(values), len(groups), len(values) - len(groups), level)
    return replace(none, mean=mean, low=mean + factor * low, high=mean + factor * high)


def _middle_mean(values: Array, weights: Array) -> Array:
    """Mean of the middle half of rising values (N,), by weights (..., N) that sum to 1."""
    upper = np.cumsum(weights, axis=-1)
    inside = np.minimum(upper, 0.75) - np.maximum(upper - weights, 0.25)
    return np.maximum(inside, 0) @ values / 0.5


def performance_profile(values_by_suite: Mapping[str, Sequence[float]], thresholds: ArrayLike) -> Array:
    """Share of runs at or above each threshold, every suite with the same weight.

    ``1/S Σ_s 1/n_s Σ_i [x_si ≥ τ]``. Of two methods, one is better for every purpose only if its curve lies nowhere
    below the other's.

    Args:
        values_by_suite: scores per run for each suite, higher is better. A NaN is a run that reached nothing.
        thresholds: (T,).

    Returns:
        (T,), falling in the threshold; NaN without suites, or where a suite has no run.

    *Reference: Agarwal et al., NeurIPS 2021, section 4.2; Dolan and Moré, Benchmarking optimization software with
    performance profiles, Mathematical Programming 2002.*
    """
    levels = np.asarray(thresholds, dtype=float)
    groups = [np.asarray(values, dtype=float) for values in values_by_suite.values()]
    if not groups or min(map(len, groups)) == 0:
        return np.full(levels.shape, math.nan)
    return np.mean([np.mean(group[:, None] >= levels, axis=0) for group in groups], axis=0)
