"""Closed forms for two gradients, in numbers of Python, which cost less than arrays of two.

They are for gradients that are neither zero nor nearly parallel or opposite: there the terms of closed forms cancel,
and the general solvers, which refine what they find, are more exact. So a pair whose cosine is beyond `LARGEST_COSINE`
goes the general way, and with it every pair that may be stationary: such points are dealt with in one place.
"""

from __future__ import annotations

from math import hypot, inf, sqrt
from typing import NamedTuple

import numpy as np

from balancers.contract.exactness import COSINE
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.tolerances import ACCURATE, CALM, CONVERGED, NARROW, NEWTON, SHORT

LARGEST_COSINE = 1 - NARROW**2  # a cosine, up to sign


class Pair(NamedTuple):
    """Two gradients by their cosine, their norms, and the smaller norm over each norm.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pairs import pair_of
        >>> pair_of(np.array([[1.0, -3.0], [-3.0, 25.0]]))[1:]
        (1.0, 5.0, 1.0, 0.2)
    """

    cosine: float
    first: float
    second: float
    one: float
    other: float

    def along(self, a: float, b: float) -> tuple[float, float]:
        """Inner products of the unit gradients with a combination of them."""
        return a + self.cosine * b, self.cosine * a + b


def pair_of(gramian: Matrix) -> Pair | None:
    """The two gradients of a Gramian; None if there are more, or if they must go the general way.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pairs import pair_of
        >>> pair_of(np.array([[1.0, -1.0], [-1.0, 1.0]])) is None  # opposite
        True
    """
    if len(gramian) != 2:
        return None
    (square, product), (_, other) = gramian.tolist()
    if not (square > 0 and other > 0):
        return None
    first, second = sqrt(square), sqrt(other)
    cosine, least = product / first / second, min(first, second)
    return Pair(cosine, first, second, least / first, least / second) if abs(cosine) < LARGEST_COSINE else None


def shortest_of_pair(pair: Pair, resolution: float) -> ArraySolution:
    """`shortest_in_hull`: the point of a line that is nearest to zero.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pairs import pair_of, shortest_of_pair
        >>> shortest_of_pair(pair_of(np.array([[1.0, -3.0], [-3.0, 25.0]])), 1e-8).point.round(3).tolist()
        [0.875, 0.125]
    """
    cosine, _, _, one, other = pair
    a, b = max(one - cosine * other, 0.0), max(other - cosine * one, 0.0)  # of unit gradients, up to a factor
    total = a * one + b * other
    a, b = a / total, b / total
    along = pair.along(a, b)
    square = a * along[0] + b * along[1]
    length = max(sqrt(square), resolution * hypot(a, b))
    residual = max(square * one - along[0], square * other - along[1], 0.0) / length
    return ArraySolution(np.array([a * one, b * other]), residual, residual < ACCURATE)


def pair_onto_cone(pair: Pair, references: np.ndarray, resolution: float) -> ArraySolution:
    """`project_onto_cone`: nothing is added to a reference, or one gradient, or as much of both as makes it zero.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pairs import pair_of, pair_onto_cone
        >>> pair = pair_of(np.array([[1.0, -3.0], [-3.0, 25.0]]))
        >>> pair_onto_cone(pair, np.array([[0.5, 0.5]]), 1e-8).point.tolist()
        [[1.5, 0.5]]
    """
    points, residuals = [], []
    for reference in references.tolist():
        a, b = reference[0] * pair.first, reference[1] * pair.second
        size = max(abs(a), abs(b))
        if size > 0:
            a, b = a / size, b / size
        more = _least_addition(pair, a, b)
        parts = a + more[0], b + more[1]
        along = pair.along(*parts)
        square = max(parts[0] * along[0] + parts[1] * along[1], 0.0)
        length = max(sqrt(square), resolution * hypot(*parts))
        missed = max(abs(value) if added > 0 else max(-value, 0.0) for value, added in zip(along, more, strict=True))
        residuals.append(missed / length if length > 0 else 0.0)
        points.append([reference[0] + more[0] * size / pair.first, reference[1] + more[1] * size / pair.second])
    residual = np.array(residuals)
    return ArraySolution(np.array(points), residual, residual < ACCURATE)


def _least_addition(pair: Pair, a: float, b: float) -> tuple[float, float]:
    missing, other = (-value for value in pair.along(a, b))
    if missing <= 0 and other <= 0:
        return 0.0, 0.0
    if missing > 0 and pair.cosine * missing >= other:
        return missing, 0.0
    if other > 0 and pair.cosine * other >= missing:
        return 0.0, other
    return max(-a, 0.0), max(-b, 0.0)


def projections_of_pair(cosine: float, first: float, second: float) -> ArraySolution:
    """`given_projections`, by the sum and the difference of the unit gradients, which are orthogonal.

    Example:
        >>> from balancers.solvers.single.pairs import projections_of_pair
        >>> projections_of_pair(-0.6, 1.0, 1.0).point.tolist()
        [2.5, 2.5]
    """
    total, apart = (first + second) / (1 + cosine), (first - second) / (1 - cosine)
    a, b = (total + apart) / 2, (total - apart) / 2
    rounding = COSINE * (abs(a) + abs(cosine * b)), COSINE * (abs(cosine * a) + abs(b))
    missed = abs(a + cosine * b - first), abs(cosine * a + b - second)
    residual = max(max(missed[0], rounding[0]) / first, max(missed[1], rounding[1]) / second)
    return ArraySolution(np.array([a, b]), residual, residual < ACCURATE)


def fair_pair(pair: Pair, alpha: float, factors: Vector) -> tuple[Vector, float] | None:
    """The bargain of unit gradients, and its residual; None where numbers leave the range of float64.

    For α = 1 the product p of both numbers solves a quadratic equation. Else it takes Newton's method here, too.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pairs import fair_pair, pair_of
        >>> pair = pair_of(np.array([[1.0, -3.0], [-3.0, 25.0]]))
        >>> fair_pair(pair, 1.0, np.ones(2))[0].round(3).tolist()  # 1 / sqrt(1 - 0.6) each
        [1.581, 1.581]
    """
    first, second = factors.tolist()
    try:
        a, b = _nash(pair.cosine, first, second) if alpha == 1 else _newton(pair.cosine, first, second, alpha)
        change = _changes(pair.cosine, (first, second), alpha, (a, b))
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    return np.array([a, b]), change.error if change.error == change.error else inf


def _nash(cosine: float, first: float, second: float) -> tuple[float, float]:
    """A (a + c b) = f and b (b + c a) = s, so that p = a b solves p² = (f - c p) (s - c p)."""
    linear, free = cosine * (first + second), (1 - cosine) * (1 + cosine)
    root = sqrt(linear**2 + 4 * free * first * second)
    product = 2 * first * second / (linear + root) if linear > 0 else (root - linear) / (2 * free)
    if first >= second:
        larger = sqrt(first - cosine * product)
        return larger, product / larger
    larger = sqrt(second - cosine * product)
    return product / larger, larger


class _Changes(NamedTuple):
    """A Newton step in relative changes, and what rounding and missed equations make of it at most."""

    one: float
    other: float
    error: float


def _changes(cosine: float, factors: tuple[float, float], alpha: float, point: tuple[float, float]) -> _Changes:
    (a, b), power = point, 1 - 1 / alpha
    wanted, other = factors[0] * a**power, factors[1] * b**power
    have, second = a * (a + cosine * b), b * (b + cosine * a)
    # The Hessian in relative changes, divided by what is wanted; its determinant from terms of one sign.
    p, q, mixed, ridge = a * a / wanted, b * b / other, cosine * a * b, 1 / alpha
    determinant = p * q * (1 - cosine) * (1 + cosine) + (p + q) * ridge + ridge**2
    left, right = (q + ridge) / wanted / determinant, (p + ridge) / other / determinant
    across = -mixed / wanted / other / determinant
    missed, more = wanted - have, other - second
    off = abs(missed) + COSINE * (a * (a + abs(cosine) * b) + wanted)
    beside = abs(more) + COSINE * (b * (b + abs(cosine) * a) + other)
    error = max(left * off + abs(across) * beside, abs(across) * off + right * beside)
    return _Changes(left * missed + across * more, across * missed + right * more, error)


def _newton(cosine: float, first: float, second: float, alpha: float) -> tuple[float, float]:
    power, caution, before = alpha / (1 + alpha), max(1.0, 1 / alpha), inf
    a, b = (first / (1 + abs(cosine))) ** power, (second / (1 + abs(cosine))) ** power
    for _ in range(NEWTON):
        change = _changes(cosine, (first, second), alpha, (a, b))
        largest = max(abs(change.one), abs(change.other))
        step = 1.0 if largest < CALM else 1 / (1 + caution * largest)
        a, b = a * (1 + step * change.one), b * (1 + step * change.other)
        if not largest >= CONVERGED or (before < SHORT and 2 * largest > before):
            break
        before = largest
    return a, b
