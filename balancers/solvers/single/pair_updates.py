"""Closed forms of CAGrad's and ConicGrad's updates for two gradients.

The certificate is computed as for more gradients. A closed form whose residual is above `ROUNDING` is not used: the
general solver then decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np

from balancers.solvers.single.arrays import ArraySolution, Vector
from balancers.solvers.single.pairs import Pair, shortest_of_pair

ROUNDING = 1e-12  # of a residual


class _Reference(NamedTuple):
    """A reference in units of its length: its parts along the unit gradients, and its inner products with these."""

    length: float
    parts: tuple[float, float]
    offset: tuple[float, float]


def _reference(pair: Pair, reference: Vector, resolution: float) -> _Reference | None:
    a, b = reference.tolist()
    a, b = a * pair.first, b * pair.second
    along = pair.along(a, b)
    square = a * along[0] + b * along[1]
    if not square > resolution**2 * (a * a + b * b):
        return None
    length = sqrt(square)
    return _Reference(length, (a / length, b / length), (along[0] / length, along[1] / length))


def averse_pair(pair: Pair, reference: Vector, radius: float, resolution: float) -> ArraySolution | None:
    """`best_for_the_worst_off`: one gradient is added until the other gains no more than it does, or else both.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pair_updates import averse_pair
        >>> from balancers.solvers.single.pairs import pair_of
        >>> pair = pair_of(np.array([[1.0, -3.0], [-3.0, 25.0]]))
        >>> averse_pair(pair, np.full(2, 0.5), 0.5, 1e-8).point.round(3).tolist()
        [1.618, 0.5]
    """
    if radius == 0:
        return ArraySolution(reference.copy(), 0.0, True)
    centre = _reference(pair, reference, resolution)
    if centre is None:
        return None
    for added in _candidates(pair, centre, radius):
        gains, more = centre.offset, pair.along(*added)
        gains = gains[0] + more[0], gains[1] + more[1]
        least = min(gains[0] / pair.one, gains[1] / pair.other)
        length = sqrt(max(added[0] * more[0] + added[1] * more[1], 0.0))
        residual = max(_missed(pair, added, gains, least), abs(length / radius - 1))
        if residual < ROUNDING:
            scale = centre.length / pair.first, centre.length / pair.second
            point = reference + np.array([added[0] * scale[0], added[1] * scale[1]])
            return ArraySolution(point, residual, True)
    return None


def _candidates(pair: Pair, centre: _Reference, radius: float) -> Iterator[tuple[float, float]]:
    """What may be added to the reference, of unit gradients."""
    yield radius, 0.0
    yield 0.0, radius
    cosine, one, other = pair.cosine, pair.one, pair.other
    free = (1 - cosine) * (1 + cosine)
    slope = (one - cosine * other) / free, (other - cosine * one) / free
    square = slope[0] * one + slope[1] * other
    mixed = centre.parts[0] * one + centre.parts[1] * other
    inside = mixed**2 - square * (1 - radius**2)
    if inside >= 0:
        gain = (mixed + sqrt(inside)) / square
        a, b = gain * slope[0] - centre.parts[0], gain * slope[1] - centre.parts[1]
        if a >= 0 and b >= 0:
            yield a, b


def _missed(pair: Pair, added: tuple[float, float], gains: tuple[float, float], least: float) -> float:
    first, second = gains[0] - least * pair.one, gains[1] - least * pair.other
    return max(abs(first) if added[0] > 0 else -first, abs(second) if added[1] > 0 else -second, 0.0)


def steepest_of_pair(pair: Pair, reference: Vector, cosine: float, resolution: float) -> ArraySolution | None:
    """`steepest`: the direction of the shortest vector of the hull, or one gradient is added until the cone ends.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.pair_updates import steepest_of_pair
        >>> from balancers.solvers.single.pairs import pair_of
        >>> pair = pair_of(np.array([[1.0, -3.0], [-3.0, 25.0]]))
        >>> steepest_of_pair(pair, np.full(2, 0.5), 0.5, 1e-8).point.round(3).tolist()
        [2.632, 0.467]
    """
    centre = _reference(pair, reference, resolution)
    if centre is None:
        return None
    shares = shortest_of_pair(pair, resolution).point.tolist()
    free = shares[0] / pair.one, shares[1] / pair.other
    candidates = [(free, free, True), *((added, _sum(centre.parts, added), False) for added in _turns(centre, cosine))]
    for added, best, inside in candidates:
        along = pair.along(*best)
        length = sqrt(max(best[0] * along[0] + best[1] * along[1], 0.0))
        least = min(along[0] / pair.one, along[1] / pair.other)
        turned = cosine - (centre.offset[0] * best[0] + centre.offset[1] * best[1]) / length if length else 1.0
        if not least > 0:
            continue
        residual = max(_missed(pair, added, along, least) / length, max(turned, 0.0) if inside else abs(turned))
        if residual < ROUNDING:
            stretch = centre.length / length
            point = np.array([best[0] * stretch / pair.first, best[1] * stretch / pair.second])
            return ArraySolution(point, residual, True)
    return None


def _sum(parts: tuple[float, float], added: tuple[float, float]) -> tuple[float, float]:
    return parts[0] + added[0], parts[1] + added[1]


def _turns(centre: _Reference, cosine: float) -> Iterator[tuple[float, float]]:
    """As much of the one or the other unit gradient as turns the reference to the given cosine with itself."""
    for place, along in enumerate(centre.offset):
        if along < cosine and along**2 < 1:
            rest = (1 - cosine) * (1 + cosine)
            middle, spread = along * rest, cosine * sqrt(rest * (1 - along**2))
            beyond = cosine**2 - along**2
            amount = rest / (spread - middle) if middle <= 0 else (middle + spread) / beyond
            yield (amount, 0.0) if place == 0 else (0.0, amount)
