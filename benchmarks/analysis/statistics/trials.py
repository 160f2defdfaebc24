"""What a search with fewer trials would have found."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from benchmarks.analysis.statistics.resampling import Array


def expected_best(validation: ArrayLike, outcomes: ArrayLike | None = None) -> Array:
    """Expected outcome of the trial that is best on validation among m of the n trials, for m = 1..n.

    Mean over all subsets of m trials. With trials in rising order of validation, the i-th is the best of a subset with
    probability ``C(n-i, m-1) / C(n, m)``::

        E_m = Σ_i C(n-i, m-1) / C(n, m) t_(i)

    Subsets are drawn without replacement, which is unbiased for what m fresh trials would give; with replacement, as in
    Dodge et al., it is too pessimistic.

    Args:
        validation: (n,), the score that trials are chosen by, lower is better. NaN (diverged) is chosen after all
            others; ties are chosen with equal chance.
        outcomes: (n,), the score that is reported, such as the test loss of the same trial; without it, ``validation``.

    Returns:
        (n,): the first is the mean outcome, the last the outcome of the best trial. NaN for every m at which a trial
        whose outcome is NaN may be chosen. Empty without trials.

    Raises:
        ValueError: the two are not vectors of one length.

    *Reference: Tang et al., Showing Your Work Doesn't Always Work, ACL 2020; Dodge et al., Show Your Work,
    EMNLP 2019.*
    """
    scores = np.asarray(validation, dtype=float)
    results = scores if outcomes is None else np.asarray(outcomes, dtype=float)
    if scores.ndim != 1 or scores.shape != results.shape:
        raise ValueError(f"expected one outcome per trial, but have {results.shape} for {scores.shape} trials")
    if not scores.size:
        return np.empty(0)
    scores = np.where(np.isnan(scores), math.inf, scores)
    _, group = np.unique(scores, return_inverse=True)  # rising, ties in one group
    shared = np.bincount(group, weights=results) / np.bincount(group)
    chosen = np.sort(group)
    chance = _chance_of_being_best(len(scores))
    return np.sum(np.where(chance > 0, chance * shared[chosen], 0), axis=1)


def _chance_of_being_best(n: int) -> Array:
    """(m, i): the probability that the i-th of n trials is the best of a subset of m."""
    m, i = np.arange(1.0, n + 1)[:, None], np.arange(1.0, n + 1)[None, :]
    rest = n - i - (m - 1)  # trials that are worse and outside the subset
    log = _log_binomial(n - i, m - 1, np.maximum(rest, 0)) - _log_binomial(n, m, n - m)
    return np.where(rest >= 0, np.exp(log), 0)


def _log_binomial(n: Array | float, k: Array, rest: Array) -> Array:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(rest + 1)
