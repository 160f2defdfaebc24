"""The shortest vector in the convex hull of up to about six gradients, without rounding: MGDA, and stationarity.

Every set of tasks is tried: on the right one the combination with weights that sum to 1 is orthogonal to the
differences of its gradients, no weight is negative, and no other gradient has a smaller product with it.
"""

from fractions import Fraction
from math import sqrt

from tests.references.exact_linear import Matrix, Vector, dot, gramian_of, solve, spread_out, submatrix, supports, times


def shortest(rows: Matrix) -> Vector:
    """Weights (K,) on the simplex of the shortest combination; it is unique, the weights may not be."""
    return _shortest(gramian_of(rows))


def _shortest(gramian: Matrix) -> Vector:
    tasks = len(gramian)
    for support in supports(range(tasks)):
        bordered = [[*row, Fraction(1)] for row in submatrix(gramian, support)]
        bordered.append([Fraction(1)] * len(support) + [Fraction(0)])
        solutions = solve(bordered, [[Fraction(0)] * len(support) + [Fraction(1)]])
        if solutions is None:  # a smaller set has the same combination
            continue
        *shares, negative_square = solutions[0]
        if min(shares) < 0:
            continue
        weights = spread_out(shares, support, tasks)
        if all(product >= -negative_square for product in times(gramian, weights)):
            return weights
    raise ArithmeticError("every hull has a shortest vector, and none was found")


def shortest_square(rows: Matrix) -> Fraction:
    """The squared length of the shortest vector in the hull."""
    gramian = gramian_of(rows)
    weights = _shortest(gramian)
    return dot(weights, times(gramian, weights))


def is_stationary(rows: Matrix) -> bool:
    """Whether the convex hull of the gradients that are not zero contains zero: no update decreases all losses."""
    nonzero = [row for row in rows if any(row)]
    return not nonzero or shortest_square(nonzero) == 0


def relative_distance(rows: Matrix) -> float:
    """How far the hull of the unit gradients is from zero: 0 at a stationary point, 1 if all gradients agree."""
    norms = [sqrt(dot(row, row)) for row in rows]
    units = [[number / Fraction(norm) for number in row] for row, norm in zip(rows, norms, strict=True) if norm > 0]
    return sqrt(shortest_square(units)) if units else 0.0
