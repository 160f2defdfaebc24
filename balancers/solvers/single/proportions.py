"""The weights that bring losses into preferred proportions, for one Gramian: EPO's step on arrays."""

from __future__ import annotations

from math import sqrt

import numpy as np

from balancers.contract.exactness import COSINE
from balancers.solvers.positive import SMALLEST
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import hull_contains_zero, length_of, unit_gradients
from balancers.solvers.single.linear import best_on_simplex
from balancers.solvers.single.min_norm import shortest_in_hull
from balancers.solvers.tolerances import ACCURATE


def proportional_weights(
    gramian: Matrix, losses: Vector, preference: Vector, tolerance: float, resolution: float
) -> ArraySolution:
    """The solution of EPO's linear programme, as `balancers.methods.epo` states it, times K; else the shortest vector.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.proportions import proportional_weights
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> proportional_weights(gramian, np.ones(2), np.ones(2), 1e-4, 1e-8).point.round(3).tolist()
        [1.5, 0.5]
    """
    preference = preference / sqrt(preference.dot(preference))
    gains, matrix, bounds = _programme(gramian, preference * losses, preference, tolerance)
    solution = best_on_simplex(gains, matrix, bounds)
    unit = unit_gradients(gramian)
    floors = bounds[:-1]
    residual = max(float(solution.residual), _missed(unit.cosines, unit.norms, solution.point, floors, resolution))
    hidden = bool((floors == 0).all()) and hull_contains_zero(unit, resolution)
    solved = bool(solution.solved) and not hidden and residual < ACCURATE
    point = solution.point if solved else shortest_in_hull(gramian, resolution).point
    return ArraySolution(point * len(point), residual, solved)


def _programme(
    gramian: Matrix, weighted: Vector, preference: Vector, tolerance: float
) -> tuple[Vector, Matrix, Vector]:
    slope, uneven = _anchor(weighted, preference)
    along = gramian.dot(slope)
    matrix = np.concatenate([gramian, along[None]])
    if not uneven > tolerance:
        bounds = np.zeros(len(along) + 1)
        bounds[-1] = min(float(along.max()), 0.0)
        return gramian.sum(0), matrix, bounds
    helps = along > 0
    bounds = np.zeros(len(along) + 1)
    bounds[-1] = -np.inf
    if helps.any():
        worst = weighted == weighted.max()
        bounds[:-1] = np.where(worst, 0.0, np.where(helps, -np.inf, along))
    return along, matrix, bounds


def _anchor(weighted: Vector, preference: Vector) -> tuple[Vector, float]:
    total, tasks = weighted.sum(), len(weighted)
    shares = weighted / total if total > 0 else np.full(tasks, 1 / tasks)
    logs = np.log(np.maximum(shares * tasks, SMALLEST))
    uneven = float((shares * logs).sum())
    return preference * np.where(np.abs(logs - uneven) > 4 * COSINE, logs - uneven, 0.0), uneven


def _missed(cosines: Matrix, norms: Vector, point: Vector, floors: Vector, resolution: float) -> float:
    """By how much a bound is missed, relative to the length of the update."""
    parts = point * norms
    length = max(length_of(cosines, parts), resolution * sqrt(parts.dot(parts)))
    if not length > 0:
        return 0.0
    lowest = np.where(norms > 0, floors / norms, -np.inf)
    return max(float((lowest - cosines.dot(parts)).max()) / length, 0.0)
