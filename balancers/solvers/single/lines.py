"""The search along a line of programmes with one matrix: the twin of `solvers.programmes.search`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from balancers.solvers.single.arrays import Vector
from balancers.solvers.single.programmes import Quadratic, face_of, pivot, refine, settle, solve_on, violation
from balancers.solvers.tolerances import ROOTS, SETTLED, ZERO

Measure = Callable[[Vector, Vector], float]


class Line(NamedTuple):
    """The programmes with targets s * slope - offset, for s between low and high.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.lines import Line
        >>> from balancers.solvers.single.programmes import quadratic
        >>> Line(quadratic(np.eye(1), regular=True), np.ones(1), np.zeros(1), low=0.0, high=4.0).high
        4.0
    """

    programme: Quadratic
    slope: Vector
    offset: Vector
    low: float
    high: float


def search(line: Line, excess: Measure, root: Measure) -> tuple[Vector, float]:
    """The solution of the programme on the line at which ``excess`` is zero, and its residual.

    As long as the same variables are positive the solution is ``s * slope - fixed``, and ``root`` says where its excess
    is zero, NaN where nowhere; then the interval is halved, or at first left near its lower end.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.lines import Line, search
        >>> from balancers.solvers.single.programmes import quadratic
        >>> line = Line(quadratic(np.eye(1), regular=True), np.ones(1), np.zeros(1), low=0.0, high=4.0)
        >>> search(line, lambda point, target: point[0] - 3.0, lambda slope, fixed: 3.0 / slope[0])[0].tolist()
        [3.0]
    """
    programme, slope, offset, low, high = line
    support, target = np.ones(len(slope), dtype=bool), slope
    point = slope
    for _ in range(ROOTS):
        face = face_of(programme, support)
        guess = root(*(refine(programme, end, face, solve_on(face, end)) for end in (slope, offset)))
        place = guess if low <= guess <= high else min((low + high) / 2, low + abs(low) + 1)
        target = place * slope - offset
        before = support
        support, point = pivot(programme, target, before)
        beyond = excess(_without_ridge(programme, target, support, point), target)
        settled = abs(beyond) < SETTLED and bool((support == before).all())
        if settled or high - low <= ZERO * (abs(high) + abs(low)):
            break
        low, high = (low, place) if beyond > 0 else (place, high)
    point = settle(programme, target, support, point)
    return point, max(violation(programme, target, point), abs(excess(point, target)))


def _without_ridge(programme: Quadratic, target: Vector, support: np.ndarray, point: Vector) -> Vector:
    return refine(programme, target, face_of(programme, support), point.copy()) if programme.refinements else point
