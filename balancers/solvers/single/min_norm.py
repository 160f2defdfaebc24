"""The shortest vector in the convex hull of the gradients of one Gramian: the twin of `solvers.min_norm`."""

from __future__ import annotations

from math import sqrt

from balancers.solvers.single.arrays import ArraySolution, Matrix
from balancers.solvers.single.cosines import unit_gradients
from balancers.solvers.single.pairs import pair_of, shortest_of_pair
from balancers.solvers.single.programmes import nonnegative
from balancers.solvers.tolerances import ACCURATE


def shortest_in_hull(gramian: Matrix, resolution: float) -> ArraySolution:
    """The weights on the simplex that combine the gradients to the shortest vector, as `min_norm` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.min_norm import shortest_in_hull
        >>> shortest_in_hull(np.array([[1.0, -3.0], [-3.0, 25.0]]), 1e-8).point.round(3).tolist()
        [0.875, 0.125]
    """
    if pair := pair_of(gramian):
        return shortest_of_pair(pair, resolution)
    unit = unit_gradients(gramian)
    norms = unit.norms
    smallest = norms.min()
    if smallest == 0:
        zero = (norms == 0).astype(float)
        return ArraySolution(zero / zero.sum(), 0.0, True)
    ones = smallest / norms
    parts = nonnegative(unit.programme_with(ones), ones)
    parts /= parts.dot(ones)
    along = unit.cosines.dot(parts)
    square = max(parts.dot(along), 0.0)
    length = max(sqrt(square), resolution * sqrt(parts.dot(parts)))
    residual = max(float((square * ones - along).max()) / length, 0.0)
    weights = parts * ones
    return ArraySolution(weights / weights.sum(), residual, residual < ACCURATE)
