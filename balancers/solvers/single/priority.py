"""The update nearest to one gradient with given progress along all others, for one Gramian: the twin of `priority`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from balancers.contract.exactness import COSINE
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import UnitGradients, hull_of, length_of, sums_to_zero
from balancers.solvers.single.programmes import is_definite, nonnegative, quadratic
from balancers.solvers.tolerances import ACCURATE, NARROW


class SinglePriority(NamedTuple):
    """A `PriorityProblem` of one Gramian.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.priority import SinglePriority
        >>> SinglePriority(np.eye(2), np.ones(2), np.array([1.0, 0.0]), np.full(2, 0.5)).tau.tolist()
        [0.5, 0.5]
    """

    cosines: Matrix
    lengths: Vector
    primary: Vector
    tau: Vector


def along_primary(problem: SinglePriority, resolution: float) -> ArraySolution:
    """The update as a combination of unit gradients, as `follow_primary` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.priority import SinglePriority, along_primary
        >>> cosines = np.array([[1.0, -0.6], [-0.6, 1.0]])
        >>> problem = SinglePriority(cosines, np.array([1.0, 5.0]), np.array([1.0, 0.0]), np.full(2, 0.02))
        >>> along_primary(problem, 1e-8).point.round(3).tolist()
        [1.0, 0.7]
    """
    cosines = problem.cosines
    secondary = (problem.primary == 0) & (cosines.diagonal() > 0)
    required = np.where(secondary, problem.tau * problem.lengths, 0.0)
    others = _secondary(cosines, secondary)
    own = problem.primary * problem.lengths
    missing = np.where(secondary, required - cosines.dot(own), 0.0)
    size = np.abs(missing).max()
    target = np.where(secondary, missing / size, -1.0) if size > 0 else np.full(len(own), -1.0)
    added = nonnegative(others.programme, target) * size
    point = own + added
    violation = _violation(cosines, secondary, required, point, added > 0)
    stationary = own.max() > 0 and sums_to_zero(cosines, point, resolution)
    meets = violation < ACCURATE and not stationary and not _incompatible(others, required, resolution)
    # Zeros in the place of gradients that are not secondary bound nothing: the hull is that of the others.
    bounded = others._replace(cosines=others.cosines - np.diag(np.where(secondary, 0.0, 1.0)))
    distance = hull_of(bounded, resolution).distance
    residual = violation / distance if distance > 0 else np.inf
    fallback = own if required.max() > 0 else np.zeros(len(own))
    return ArraySolution(point if meets else fallback, residual, bool(meets and residual < ACCURATE))


def _secondary(cosines: Matrix, secondary: np.ndarray) -> UnitGradients:
    """The secondary gradients; the others are replaced by unit vectors that are orthogonal to all."""
    matrix = cosines * (secondary[:, None] & secondary) + np.diag(np.where(secondary, 0.0, 1.0))
    return UnitGradients(matrix, np.ones(len(matrix)), is_definite(matrix - NARROW**2 * np.eye(len(matrix))))


def _violation(cosines: Matrix, secondary: np.ndarray, required: Vector, point: Vector, active: np.ndarray) -> float:
    missing = required - cosines.dot(point)
    violation = np.where(active, np.abs(missing), np.maximum(missing, 0)) + COSINE * float(point.sum())
    size = length_of(cosines, point) + required
    counted = secondary & (size > 0)
    return float(np.where(counted, violation / np.where(counted, size, 1.0), 0.0).max())


def _incompatible(others: UnitGradients, required: Vector, resolution: float) -> bool:
    """Whether gradients that must gain cancel with other secondary ones, up to rounding: no update lets all gain."""
    gaining = (required > 0).astype(float)
    if others.regular or not gaining.any():
        return False
    shares = nonnegative(quadratic(others.cosines + gaining[:, None] * gaining, False), gaining)
    return sums_to_zero(others.cosines, shares, resolution)
