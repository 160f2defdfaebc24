"""The direction within a cone along which the slowest loss decreases most, for one Gramian: the twin of `conic`."""

from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np

from balancers.contract.exactness import COSINE
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.conflict_averse import best_for_the_worst_off
from balancers.solvers.single.cosines import (
    UnitGradients,
    hull_of,
    length_of,
    relative_inverse,
    sums_to_zero,
    unit_gradients,
)
from balancers.solvers.single.lines import Line, Measure, search
from balancers.solvers.single.pair_updates import steepest_of_pair
from balancers.solvers.single.pairs import pair_of
from balancers.solvers.single.programmes import nonnegative
from balancers.solvers.tolerances import ACCURATE, FAR, LARGE


def steepest(gramian: Matrix, reference: Vector, cosine: float, resolution: float) -> ArraySolution:
    """The weights of ConicGrad's update, as `steepest_in_cone` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.conic import steepest
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> steepest(gramian, np.full(2, 0.5), 0.5, 1e-8).point.round(3).tolist()
        [2.632, 0.467]
    """
    if (pair := pair_of(gramian)) and (solution := steepest_of_pair(pair, reference, cosine, resolution)):
        return solution
    unit = unit_gradients(gramian)
    parts = reference * unit.norms
    length = length_of(unit.cosines, parts)
    nonzero = length > resolution * sqrt(parts.dot(parts))
    hull = hull_of(unit, resolution)
    best, residual = parts, 0.0
    if nonzero and not hull.contains_zero:
        best, residual = _steepest(unit, parts / length, cosine)
        residual = max(residual, len(parts) * COSINE / hull.distance**2)
    solved = not hull.contains_zero and residual < ACCURATE
    if not solved:
        radius = (1 - cosine**2) ** 0.5
        best = best_for_the_worst_off(gramian, reference, radius, resolution).point * unit.norms
    reached = length_of(unit.cosines, best)
    if not nonzero or sums_to_zero(unit.cosines, best, resolution):
        return ArraySolution(reference.copy(), residual, solved)
    stretch = length / reached
    if not solved and stretch * np.abs(best).max() > LARGE * np.abs(parts).max():
        return ArraySolution(reference.copy(), residual, solved)
    scale = np.divide(stretch, unit.norms, out=np.zeros(len(parts)), where=unit.norms > 0)
    return ArraySolution(best * scale, residual, solved)


def _steepest(unit: UnitGradients, centre: Vector, cosine: float) -> tuple[Vector, float]:
    """The combination of unit gradients with the best direction, if it is one, and its residual."""
    ones, present = relative_inverse(unit.norms), unit.norms > 0
    offset = np.where(present, unit.cosines.dot(centre), 1.0)
    if not present.all():
        unit = unit._replace(cosines=unit.cosines + np.diag(np.where(present, 0.0, 1.0)))
    best = added = nonnegative(unit.programme_with(ones), ones)
    inside = offset.dot(best) >= cosine * length_of(unit.cosines, best)
    if not inside:
        added = _on_surface(unit, ones, offset, cosine)
        best = centre + added
    along, length = unit.cosines.dot(best), length_of(unit.cosines, best)
    least = float((along[present] / ones[present]).min())
    if not (least > 0 and length > 0):  # some loss does not decrease: there is no solution
        return best, inf
    misses = float(np.where(added > 0, np.abs(along - least * ones), 0.0).max())
    turned = cosine - float(offset.dot(best)) / length
    return best, max(misses / length, max(turned, 0.0) if inside else abs(turned))


def _on_surface(unit: UnitGradients, ones: Vector, offset: Vector, cosine: float) -> Vector:
    """What is added to the reference where the direction has the given cosine with it."""
    present = ones > 0
    low = max(float((offset[present] / ones[present]).min()), 0.0)
    excess, root = _measures(ones, offset, cosine)
    # If the projection that conflicts with no gradient is outside of the cone, so is every one that helps them all.
    hopeless = low == 0 and excess(nonnegative(unit.programme, -offset), -offset) > 0
    high = low if hopeless else FAR * (1 + low)
    return search(Line(unit.programme, ones, offset, low, high), excess, root)[0]


def _measures(ones: Vector, offset: Vector, cosine: float) -> tuple[Measure, Measure]:
    """The wanted cosine with the reference minus the cosine of a point, and where on the line this is zero."""

    def excess(point: Vector, target: Vector) -> float:
        along = float(offset.dot(point))
        square = 1 + 2 * along + float(point.dot(target))
        return cosine - ((1 + along) / sqrt(square) if square > 0 else 1.0)

    def root(slope: Vector, fixed: Vector) -> float:
        # See the batched solver: two places have the wanted cosine, the one beyond the maximum is returned.
        beside = 1 - float(fixed.dot(offset))
        across, along = float(slope.dot(ones)), float(slope.dot(offset))
        square = along**2 - cosine**2 * across
        middle, rest = beside * along, beside * (beside - cosine**2)
        inside = middle**2 - square * rest
        if inside < 0:
            return nan
        spread = sqrt(inside)
        if along < 0:
            return rest / (spread - middle) if spread != middle else nan
        return -(middle + spread) / square if square < 0 else nan

    return excess, root
