"""Measurements along one run, a line of numbers each: losses, metrics, shares of weights, norms, cosines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.records.record import Curves


def loss(curves: Curves, task: str) -> Sequence[float | None]:
    """The training loss of a task."""
    return curves.train_loss.get(task, [])


def validation(curves: Curves, task: str, metric: str) -> Sequence[float | None]:
    """A metric of a task on validation."""
    return curves.validation.get(task, {}).get(metric, [])


def share(curves: Curves, task: str) -> Sequence[float | None]:
    """The task's share of the sum of weights, where there are several; the sum is a step size, not a balance."""
    weights = np.array(list(curves.weights.values()), dtype=float)  # (K, points)
    if task not in curves.weights or len(weights) < 2 or not weights.size:
        return []
    total = weights.sum(0)
    shares = np.array(curves.weights[task], dtype=float) / np.where(total == 0, np.nan, total)
    return shares.tolist()


def norm(curves: Curves, task: str) -> Sequence[float | None]:
    """The norm of a task's gradient at all shared parameters."""
    return curves.norms.get(task, [])


def cosine(curves: Curves, pair: str) -> Sequence[float | None]:
    """The cosine between the gradients of a pair of tasks, named "a|b"."""
    return curves.cosines.get(pair, [])


def mean_cosine(curves: Curves) -> Sequence[float | None]:
    """The mean cosine over all pairs of tasks."""
    cosines = _pairs(curves)
    return _mean(np.where(np.isfinite(cosines), cosines, 0), cosines)


def conflict(curves: Curves) -> Sequence[float | None]:
    """The share of pairs of tasks whose cosine is below 0."""
    cosines = _pairs(curves)
    return _mean(cosines < 0, cosines)


def _pairs(curves: Curves) -> NDArray[np.float64]:
    """The cosines of all pairs, (pairs, points)."""
    return np.array(list(curves.cosines.values()), dtype=float).reshape(len(curves.cosines), len(curves.step))


def _mean(values: NDArray, cosines: NDArray[np.float64]) -> list[float]:
    """Mean over the pairs with a cosine; NaN at points without any, empty without pairs."""
    if not cosines.size:
        return []
    counts = np.isfinite(cosines).sum(0)
    return (values.sum(0) / np.where(counts == 0, np.nan, counts)).tolist()
