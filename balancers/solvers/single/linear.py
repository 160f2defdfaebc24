"""Linear programmes on the simplex for one Gramian: the twin of `solvers.linear`, with the same pivots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.tolerances import ACCURATE, GREEDY, NEGLIGIBLE, PIVOTS


class _Scaled(NamedTuple):
    """The programme in units in which no column and no row is larger than 1, and how to go back."""

    gains: Vector
    rows: Matrix
    floors: Vector
    shares: Vector  # what a unit of every variable adds to the sum of x
    heights: Vector
    gain: float


def best_on_simplex(gains: Vector, matrix: Matrix, bounds: Vector) -> ArraySolution:
    """The best vertex of a linear programme, as `maximise` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.linear import best_on_simplex
        >>> best_on_simplex(np.array([1.0, 0.0]), np.array([[-0.5, 1.0]]), np.zeros(1)).point.round(3).tolist()
        [0.667, 0.333]
    """
    bounded = np.isfinite(bounds)
    rows, floors = np.where(bounded[:, None], matrix, 0.0), np.where(bounded, bounds, 0.0)
    point, multipliers = _vertex(_scaled(gains, rows, floors), bounded)
    return _certified(gains, rows, floors, point, multipliers)


def _scaled(gains: Vector, matrix: Matrix, floors: Vector) -> _Scaled:
    heights = _or_one(np.abs(matrix).max(-1))
    widths = np.abs(matrix / heights[:, None]).max(0)
    least = np.where(widths > 0, widths, 1.0).min()
    widths = np.where(widths > 0, widths, least)
    per_width = gains / widths
    gain = float(np.abs(per_width).max()) or 1.0
    rows = matrix / heights[:, None] / widths
    return _Scaled(per_width / gain, rows, floors / heights / least, least / widths, heights, gain)


def _or_one(sizes: np.ndarray) -> np.ndarray:
    return np.where(sizes > 0, sizes, 1.0)


def _vertex(scaled: _Scaled, bounded: np.ndarray) -> tuple[Vector, Vector]:
    """The best vertex and the multipliers of the bounds, in the units of the programme as it was given."""
    bounds = len(scaled.rows)
    left = np.concatenate([scaled.shares[None], -scaled.rows])
    right = np.concatenate([[1.0], np.where(bounded, -scaled.floors, 1.0)])
    equations = np.concatenate([np.eye(bounds + 1), left], 1)
    tableau, basis = np.concatenate([equations, right[:, None]], 1), np.arange(bounds + 1)
    missing = np.zeros(equations.shape[1])
    missing[0] = -1
    costs = np.concatenate([np.zeros(bounds + 1), scaled.gains])
    _climb(tableau, basis, missing, first=0)
    _climb(tableau, basis, costs, first=1)
    return _at(basis, equations, right, costs, scaled)


def _climb(tableau: np.ndarray, basis: np.ndarray, costs: Vector, first: int) -> None:
    """Pivots until no variable from column ``first`` on can enter at a gain; changes tableau and basis."""
    columns = tableau.shape[1] - 1
    for turn in range(PIVOTS * columns):
        reduced = costs - costs[basis].dot(tableau[:, :-1])
        eligible = reduced > NEGLIGIBLE
        eligible[:first] = False
        if not eligible.any():
            return
        entering = int((np.where(eligible, reduced, 0.0) if turn < GREEDY * columns else eligible).argmax())
        column = tableau[:, entering].copy()
        leaving = _leaving(column, tableau[:, -1], basis, first)
        if leaving is None:
            return
        row = tableau[leaving] / column[leaving]
        tableau -= column[:, None] * row
        tableau[leaving] = row
        np.maximum(tableau[:, -1], 0, out=tableau[:, -1])
        basis[leaving] = entering


def _leaving(column: Vector, right: Vector, basis: np.ndarray, first: int) -> int | None:
    """The row of the basic variable that falls to 0 first, of equal ones the earliest; none if none falls."""
    falling = column > NEGLIGIBLE
    ratios = np.where(falling, right / np.where(falling, column, 1.0), np.inf)
    if first:  # once the sum is 1, what is missing in it leaves at once if it is still basic
        ratios[(basis < first) & (np.abs(column) > NEGLIGIBLE)] = 0.0
    least = ratios.min()
    if not least < np.inf:
        return None
    return int(np.where(ratios <= least, basis, basis.max() + 1).argmin())


def _at(
    basis: np.ndarray, equations: np.ndarray, right: Vector, costs: Vector, scaled: _Scaled
) -> tuple[Vector, Vector]:
    """The vertex and the multipliers of a basis, from the equations as they were given."""
    square = equations[:, basis]
    try:
        values, dual = np.linalg.solve(square, right), np.linalg.solve(square.T, costs[basis])
    except np.linalg.LinAlgError:
        values, dual = np.zeros(len(basis)), np.zeros(len(basis))
    place = np.zeros(len(costs))
    place[basis] = np.maximum(values, 0)
    parts = np.nan_to_num(place[len(scaled.rows) + 1 :] * scaled.shares, nan=0.0, posinf=0.0, neginf=0.0)
    total = parts.sum()
    point = parts / total if total > 0 else np.full(len(parts), 1 / len(parts))
    multipliers = np.maximum(dual[1:], 0) * scaled.gain / scaled.heights
    return point, np.nan_to_num(multipliers, nan=0.0, posinf=0.0, neginf=0.0)


def _certified(gains: Vector, matrix: Matrix, floors: Vector, point: Vector, multipliers: Vector) -> ArraySolution:
    """The point with its residual: violated bounds, and the gap to the bound that the multipliers give."""
    sizes = np.abs(matrix)
    terms = sizes.dot(point) + np.abs(floors)
    missed = np.maximum(floors - matrix.dot(point), 0)
    violation = float(np.where(terms > 0, missed / _or_one(terms), 0.0).max())
    above = float((gains + multipliers.dot(matrix)).max()) - float(multipliers.dot(floors))
    size = float((np.abs(gains) + multipliers.dot(sizes)).max())
    size += float(multipliers.dot(np.abs(floors))) + float(np.abs(gains).dot(point))
    gap = abs(above - float(gains.dot(point))) / size if size > 0 else 0.0
    residual = max(violation, gap)
    return ArraySolution(point, residual, residual < ACCURATE)
