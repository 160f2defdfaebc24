"""Quadratic programmes over non-negative variables with one matrix and many targets, as UPGrad has them."""

from __future__ import annotations

import numpy as np

from balancers.solvers.single.programmes import Quadratic, active_set, misplaced, nonnegative, plain, settle
from balancers.solvers.tolerances import TRIES


def nonnegative_rows(programme: Quadratic, targets: np.ndarray) -> np.ndarray:
    """`nonnegative` for every row of the targets, (R, K).

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import quadratic
        >>> from balancers.solvers.single.rows import nonnegative_rows
        >>> nonnegative_rows(quadratic(np.eye(2), regular=True), np.array([[1.0, -1.0], [2.0, 3.0]])).tolist()
        [[1.0, 0.0], [2.0, 3.0]]
    """
    if len(targets) == 1:
        return nonnegative(programme, targets[0])[None]
    supports, points = _pivot_rows(programme, targets)
    if not programme.refinements:
        return np.maximum(points, 0)
    return np.stack([settle(programme, *row) for row in zip(targets, supports, points, strict=True)])


def _pivot_rows(programme: Quadratic, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The supports and points of all rows by block pivoting; rows that are not settled exchange at once."""
    supports, points = targets > 0, np.zeros(targets.shape)
    left = np.arange(len(targets))
    fewest, tries = np.full(len(left), len(programme.matrix) + 1), np.full(len(left), TRIES)
    while True:
        _solve_rows(programme, targets, supports, points, left.tolist())
        wrong = misplaced(programme, targets[left], supports[left], points[left])
        number = wrong.sum(-1)
        going = number > 0
        if not going.any():
            return supports, points
        left, wrong, number = left[going], wrong[going], number[going]
        fewer = number < fewest[left]
        tries[left] = np.where(fewer, TRIES, tries[left] - 1)
        fewest[left] = np.minimum(number, fewest[left])
        supports[left] ^= wrong
        lost = left[tries[left] < 0].tolist()
        for row in lost:
            supports[row] = active_set(programme, targets[row])
        _solve_rows(programme, targets, supports, points, lost)
        left = left[tries[left] >= 0]
        if not left.size:
            return supports, points


def _solve_rows(
    programme: Quadratic, targets: np.ndarray, supports: np.ndarray, points: np.ndarray, rows: list[int]
) -> None:
    for row in rows:
        points[row] = plain(programme, targets[row], supports[row])
