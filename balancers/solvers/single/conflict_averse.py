"""The update near a reference that helps the worst-off task most, for one Gramian: the twin of `conflict_averse`."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np

from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import (
    UnitGradients,
    hull_contains_zero,
    length_of,
    relative_inverse,
    unit_gradients,
)
from balancers.solvers.single.dual_cone import tamed
from balancers.solvers.single.lines import Line, search
from balancers.solvers.single.pair_updates import averse_pair
from balancers.solvers.single.pairs import pair_of
from balancers.solvers.single.programmes import nonnegative
from balancers.solvers.tolerances import ACCURATE, WILD


def best_for_the_worst_off(gramian: Matrix, reference: Vector, radius: float, resolution: float) -> ArraySolution:
    """The weights of CAGrad's update, as `conflict_averse` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.conflict_averse import best_for_the_worst_off
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> best_for_the_worst_off(gramian, np.full(2, 0.5), 0.5, 1e-8).point.round(3).tolist()
        [1.618, 0.5]
    """
    if (pair := pair_of(gramian)) and (solution := averse_pair(pair, reference, radius, resolution)):
        return solution
    unit = unit_gradients(gramian)
    parts = reference * unit.norms
    along = unit.cosines.dot(parts)
    centre = sqrt(max(parts.dot(along), 0.0))
    stationary = hull_contains_zero(unit, resolution)
    if radius == 0 or centre <= resolution * sqrt(parts.dot(parts)):
        return ArraySolution(reference.copy(), 0.0, radius == 0 or not stationary)
    present = unit.norms > 0
    offset = np.where(present, along / centre, 1.0)
    ones = relative_inverse(unit.norms)
    best, searched = np.zeros(len(ones)), True
    if stationary:  # no minimum above 0 can be had: the projection onto the cone is as good as any update
        best = tamed(unit, -offset, nonnegative(unit.programme, -offset))
        searched = length_of(unit.cosines, best) > radius * (1 + ACCURATE)
    if searched:
        best = _in_ball(unit, ones, offset, radius)
    least = (offset + unit.cosines.dot(best))[present] / ones[present]
    residual = _residual(unit, ones, offset, best, (float(least.min()), radius) if searched else (0.0, 0.0))
    solved = residual < ACCURATE and not stationary
    largest = best.max()
    if not solved and largest > WILD:
        best = best * (WILD / largest)
    scale = np.divide(centre, unit.norms, out=np.zeros(len(ones)), where=present)
    return ArraySolution(reference + best * scale, residual, solved)


def _in_ball(unit: UnitGradients, ones: Vector, offset: Vector, radius: float) -> Vector:
    """What is added to the reference where the least gain is largest at the given distance."""

    def excess(point: Vector, target: Vector) -> float:
        return float(point.dot(target)) / radius**2 - 1

    def root(slope: Vector, fixed: Vector) -> float:
        square, mixed = float(slope.dot(ones)), float(slope.dot(offset))
        inside = mixed**2 - square * (float(fixed.dot(offset)) - radius**2)
        return (mixed + sqrt(inside)) / square if inside >= 0 and square else nan

    present = ones > 0
    low = float((offset[present] / ones[present]).min())
    point, _ = search(Line(unit.programme, ones, offset, low, 2 * (1 + radius)), excess, root)
    length = length_of(unit.cosines, point)
    return point * (radius / length) if length > radius else point


def _residual(unit: UnitGradients, ones: Vector, offset: Vector, added: Vector, wanted: tuple[float, float]) -> float:
    """The largest violation of the conditions, given the least gain and the distance; no distance is asked for at 0."""
    least, radius = wanted
    excess = offset + unit.cosines.dot(added) - least * ones
    missed = np.where(added > 0, np.abs(excess), -excess)
    largest = max(float(missed[ones > 0].max()), 0.0)
    return max(largest, abs(length_of(unit.cosines, added) / radius - 1)) if radius else largest
