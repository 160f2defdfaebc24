"""The best updates near the mean gradient, with a hundred digits: CAGrad and ConicGrad for up to six tasks.

Both are projections of the mean gradient onto the updates whose products with all gradients are at least ν. Every set
of tasks with independent gradients is tried: on it the added weights are linear in ν, the bound of the ball or cone is
a quadratic equation in ν, and the right root has no negative weight and no product below ν.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from tests.references.exact_cone import projection
from tests.references.exact_hull import is_stationary, shortest
from tests.references.exact_linear import (
    HIGH,
    Matrix,
    Real,
    Vector,
    dot,
    gramian_of,
    mean_of,
    real,
    root,
    solve,
    spread_out,
    submatrix,
    supports,
    times,
)

ROUNDING = HIGH.mpf(10) ** -60  # of conditions, relative to their terms


class Line(NamedTuple):
    """Added weights ν * slope - fixed on one set of tasks, which make its products with the update equal to ν."""

    support: tuple[int, ...]
    slope: Vector
    fixed: Vector


class Problem(NamedTuple):
    """The gradients that are not zero, by their inner products, those with the reference, and its squared length."""

    gramian: Matrix
    products: Vector
    square: Fraction


def cagrad(rows: Matrix, c: float, preferences: Vector | None = None) -> list[Real]:
    """CAGrad's weights: of the updates with the largest smallest gain, the nearest to the mean gradient.

    Where the mean gradient is zero, so is the update.
    """
    reference = preferences or mean_of(len(rows))
    problem, nonzero = _problem(rows, reference)
    plain = [real(weight) for weight in reference]
    if problem.square == 0 or c == 0:
        return plain
    radius = Fraction(c)
    if is_stationary(rows):
        nearest = projection(rows, reference)
        away = [a - b for a, b in zip(nearest, reference, strict=True)]
        if dot(away, times(gramian_of(rows), away)) <= radius**2 * problem.square:
            return [real(weight) for weight in nearest]

    def edge(line: Line) -> tuple[Fraction, Fraction, Fraction]:
        products = [problem.products[i] for i in line.support]
        return (
            sum(line.slope, Fraction(0)),
            -2 * dot(line.slope, products),
            dot(line.fixed, products) - radius**2 * problem.square,
        )

    added = _best(problem, edge, lambda level, added: level)
    if added is None:
        raise ArithmeticError("the ball has a best update, and none was found")
    return [a + b for a, b in zip(plain, spread_out(added, nonzero, len(rows)), strict=True)]


def conicgrad(rows: Matrix, c: float, preferences: Vector | None = None) -> list[Real] | None:
    """ConicGrad's weights; None if no update in the cone decreases all losses. Zero where the mean gradient is."""
    reference = preferences or mean_of(len(rows))
    problem, nonzero = _problem(rows, reference)
    plain, cosine = [real(weight) for weight in reference], Fraction(c)
    if problem.square == 0:
        return plain
    gramian = gramian_of(rows)
    nearest = projection(rows, reference)
    if is_stationary(rows) or dot(nearest, times(gramian, nearest)) <= cosine**2 * problem.square:
        return None
    free = spread_out(shortest([row for row in rows if any(row)]), nonzero, len(rows))
    along, square = dot(reference, times(gramian, free)), dot(free, times(gramian, free))
    if along > 0 and along**2 >= cosine**2 * problem.square * square:
        return [real(weight) * root(problem.square / square) for weight in free]

    def edge(line: Line) -> tuple[Fraction, Fraction, Fraction]:
        products = [problem.products[i] for i in line.support]
        rise, rest = dot(line.slope, products), problem.square - dot(line.fixed, products)  # g0'u = rest + ν rise
        bound = cosine**2 * problem.square
        squares = sum(line.slope, Fraction(0)), problem.square - dot(line.fixed, products)  # |u|² = s ν² + r
        return rise**2 - bound * squares[0], 2 * rise * rest, rest**2 - bound * squares[1]

    def slowest(level: Real, added: list[Real]) -> Real:
        along = dot([real(product) for product in problem.products], added)
        square = real(problem.square) + 2 * along + dot(added, times(_real(problem.gramian), added))
        return level / HIGH.sqrt(square) if real(problem.square) + along > 0 else -HIGH.inf

    added = _best(problem, edge, slowest)
    if added is None:
        raise ArithmeticError("the cone has a best update, and none was found")
    weights = [a + b for a, b in zip(plain, spread_out(added, nonzero, len(rows)), strict=True)]
    length = HIGH.sqrt(dot(weights, times(_real(gramian), weights)))
    return [weight * root(problem.square) / length for weight in weights]


def _problem(rows: Matrix, reference: Vector) -> tuple[Problem, list[int]]:
    gramian = gramian_of(rows)
    nonzero = [i for i in range(len(rows)) if gramian[i][i] > 0]
    products = times(gramian, reference)
    return Problem(submatrix(gramian, nonzero), [products[i] for i in nonzero], dot(reference, products)), nonzero


def _lines(problem: Problem) -> Iterator[Line]:
    for support in supports(range(len(problem.gramian))):
        ones = [Fraction(1)] * len(support)
        solutions = solve(submatrix(problem.gramian, support), [ones, [problem.products[i] for i in support]])
        if solutions is not None:
            yield Line(support, *solutions)


def _best(
    problem: Problem,
    edge: Callable[[Line], tuple[Fraction, Fraction, Fraction]],
    worth: Callable[[Real, list[Real]], Real],
) -> list[Real] | None:
    """The added weights at a root that satisfies all conditions: where there are several, the most worth."""
    gramian, offsets = _real(problem.gramian), [real(product) for product in problem.products]
    candidates = []
    for line in _lines(problem):
        for level in _roots(*edge(line)):
            part = [level * real(s) - real(f) for s, f in zip(line.slope, line.fixed, strict=True)]
            size = max(abs(level * real(s)) + abs(real(f)) for s, f in zip(line.slope, line.fixed, strict=True))
            if min(part) < -ROUNDING * size:
                continue
            added = spread_out(part, line.support, len(offsets))
            gains = [a + b for a, b in zip(offsets, times(gramian, added), strict=True)]
            if min(gains) >= level - ROUNDING * max(abs(level), *map(abs, gains)):
                candidates.append((worth(level, added), added))
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def _real(matrix: Matrix) -> list[list[Real]]:
    return [[real(number) for number in row] for row in matrix]


def _roots(a: Fraction, b: Fraction, c: Fraction) -> Sequence[Real]:
    """The real roots of a x² + b x + c."""
    if a == 0:
        return [real(-c / b)] if b != 0 else []
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        return []
    spread = root(discriminant)
    return [(-real(b) - spread) / real(2 * a), (-real(b) + spread) / real(2 * a)]
