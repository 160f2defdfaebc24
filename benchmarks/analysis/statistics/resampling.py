"""Bootstrap resamples of few values: all of them where that is possible, seeded ones elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]

RESAMPLES = 9_999
BOOTSTRAP_SEED = 0  # the same values give the same interval in every report


class Resamples(NamedTuple):
    """How often each of n values is drawn in each of B resamples, and how likely each resample is."""

    counts: Array  # (B, n), rows sum to n
    weights: Array  # (B,), sum to 1


@lru_cache(maxsize=16)
def resamples(n: int) -> Resamples:
    """Resamples of one group of n values.

    There are ``C(2n-1, n)`` different ones. Up to `RESAMPLES` (n = 8) all are listed with their probability
    ``n! / (c_1! ... c_n! n^n)``, so that nothing is random; beyond, `RESAMPLES` are drawn.
    """
    if math.comb(2 * n - 1, n) > RESAMPLES:
        return Resamples(_drawn(n, 0), _read_only(np.full(RESAMPLES, 1 / RESAMPLES)))
    chosen = np.array(list(combinations_with_replacement(range(n), n)))  # (B, n)
    counts = (chosen[:, :, None] == np.arange(n)).sum(axis=1).astype(float)
    weights = np.exp(gammaln(n + 1) - gammaln(counts + 1).sum(axis=1) - n * math.log(n))
    return Resamples(_read_only(counts), _read_only(weights / weights.sum()))


def stratified(sizes: Sequence[int]) -> list[Array]:
    """Counts (RESAMPLES, n) for each of several groups, drawn independently; all resamples are equally likely."""
    return [_drawn(n, group) for group, n in enumerate(sizes)]


@lru_cache(maxsize=32)
def _drawn(n: int, stream: int) -> Array:
    rng = np.random.default_rng((BOOTSTRAP_SEED, stream, n))
    return _read_only(rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float))


def _read_only(array: Array) -> Array:
    """Cached arrays are shared between callers."""
    array.setflags(write=False)
    return array


def percentile_interval(replicates: Array, level: float, weights: Array | None = None) -> tuple[float, float]:
    """Ends between which the replicates (B,) lie with probability ``level``, interpolated between them."""
    if weights is None:
        values, middle = np.sort(replicates), (np.arange(len(replicates)) + 0.5) / len(replicates)
    else:
        order = np.argsort(replicates)
        values, middle = replicates[order], np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], middle, values)
    return float(low), float(high)
