"""Which points a front dominates, and by how much. Larger is better in every objective."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.analysis.statistics.resampling import Array


def checked(points: ArrayLike, name: str = "points") -> Array:
    """The points as a matrix (N, D).

    Raises:
        ValueError: they are not a matrix, or not finite: a run without a result is no point.
    """
    array = np.asarray(points, dtype=float)
    if array.ndim != 2:
        raise ValueError(f"{name} must be (N, D), not of shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite; leave out the runs without a result")
    return array


def _pair(points: ArrayLike, front: ArrayLike) -> tuple[Array, Array]:
    first, second = checked(points), checked(front, "the front")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"points have {first.shape[1]} objectives and the front {second.shape[1]}")
    return first, second


def dominated(points: ArrayLike, front: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether some point of the front is at least as good in every objective, and better in one.

    Args:
        points: (N, D).
        front: (M, D), dominated points among them or not; an empty one, ``np.empty((0, D))``, dominates nothing.

    Returns:
        (N,) of booleans. A point that equals one of the front is not dominated by it.

    Raises:
        ValueError: not matrices of one width, or not finite.

    *Reference: Zitzler et al., Performance Assessment of Multiobjective Optimizers, IEEE TEC 2003.*
    """
    first, second = _pair(points, front)
    as_good = np.all(second[None] >= first[:, None], axis=2)
    better = np.any(second[None] > first[:, None], axis=2)
    return np.any(as_good & better, axis=1)


def nondominated(points: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of the points no other one dominates; of equal points, all or none.

    Args:
        points: (N, D).

    Returns:
        (N,) of booleans, so that ``points[nondominated(points)]`` is their front.

    Raises:
        ValueError: as `dominated`.
    """
    return ~dominated(points, points)


def distance_to_front(points: ArrayLike, front: ArrayLike) -> Array:
    """By how much a point would have to be better in every objective at once to be level with the front.

    ``d(p) = max_f min_k (f_k - p_k)``: the additive ε-indicator of the point against the front, with its sign turned.
    Above 0 the point is dominated even if it gains any less than d in every objective; below 0 it is ahead of the front
    by ``-d``; 0 on its boundary. Objectives share a unit here, so bring them to one first.

    Args:
        points: (N, D).
        front: (M, D), dominated points among them or not.

    Returns:
        (N,) in the unit of the objectives; ``-inf`` for an empty front.

    Raises:
        ValueError: not matrices of one width, or not finite.

    *Reference: Zitzler et al., Performance Assessment of Multiobjective Optimizers, IEEE TEC 2003.*
    """
    first, second = _pair(points, front)
    if not len(second):
        return np.full(len(first), -math.inf)
    return np.max(np.min(second[None] - first[:, None], axis=2, initial=math.inf), axis=1)
