"""Linear algebra without rounding: the gradients are the very numbers that a tensor holds, as fractions.

Every floating-point number is a fraction whose denominator is a power of two, so nothing is lost. What needs roots is
calculated with `DIGITS` decimal digits.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, combinations
from math import lcm
from typing import Any, TypeAlias

from mpmath.ctx_mp import MPContext
from torch import Tensor

DIGITS = 100
HIGH = MPContext()
HIGH.dps = DIGITS

Real: TypeAlias = Any  # a number of HIGH, whose package has no types
Number: TypeAlias = Any  # a Fraction or a Real
Vector = list[Fraction]
Matrix = list[Vector]


def exact(gradients: Tensor) -> Matrix:
    """The rows (K, D) of a real tensor of any precision as fractions."""
    return [[Fraction(number) for number in row] for row in gradients.double().tolist()]


def gramian_of(rows: Matrix) -> Matrix:
    """Inner products of all rows (K, K)."""
    unit = lcm(*(number.denominator for row in rows for number in row))
    whole = [[number.numerator * (unit // number.denominator) for number in row] for row in rows]
    return [[Fraction(sum(map(int.__mul__, a, b)), unit * unit) for b in whole] for a in whole]


def combine(weights: Sequence[Number], rows: Matrix) -> list[Number]:
    """The weighted sum (D,) of the rows."""
    return [
        sum(
            (weight * real_like(weight, number) for weight, number in zip(weights, column, strict=True)), weights[0] * 0
        )
        for column in zip(*rows, strict=True)
    ]


def real_like(sample: Number, number: Fraction) -> Number:
    """A fraction in the arithmetic of the sample."""
    return number if isinstance(sample, Fraction) else real(number)


def real(number: Fraction | int) -> Real:
    """A fraction with `DIGITS` decimal digits."""
    return HIGH.mpf(number.numerator) / number.denominator


def root(number: Fraction) -> Real:
    """The square root of a fraction; of a fraction that is 0 it is exactly 0."""
    return HIGH.sqrt(real(number))


def dot(a: Sequence[Number], b: Sequence[Number]) -> Number:
    """The inner product of two vectors."""
    return sum((x * y for x, y in zip(a, b, strict=True)), a[0] * 0)


def times(matrix: Sequence[Sequence[Number]], vector: Sequence[Number]) -> list[Number]:
    """The product of a matrix and a vector."""
    return [dot(row, vector) for row in matrix]


def solve(matrix: Sequence[Sequence[Number]], targets: Sequence[Sequence[Number]]) -> list[list[Number]] | None:
    """The solution for every target, by elimination; None if the matrix is singular."""
    size = len(matrix)
    rows = [[*row, *(target[i] for target in targets)] for i, row in enumerate(matrix)]
    for step in range(size):
        pivot = max(range(step, size), key=lambda i: abs(rows[i][step]))
        if rows[pivot][step] == 0:
            return None
        rows[step], rows[pivot] = rows[pivot], rows[step]
        inverse = 1 / rows[step][step]
        rows[step] = [number * inverse for number in rows[step]]
        for i in range(size):
            if i != step and (factor := rows[i][step]) != 0:
                rows[i] = [number - factor * pivotal for number, pivotal in zip(rows[i], rows[step], strict=True)]
    return [[row[size + j] for row in rows] for j in range(len(targets))]


def null_space(matrix: Matrix) -> Matrix:
    """A basis of the vectors that the matrix maps to zero; empty if the matrix is regular."""
    size = len(matrix)
    rows, pivots = [list(row) for row in matrix], []
    for column in range(size):
        place = len(pivots)
        pivot = next((i for i in range(place, size) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[place], rows[pivot] = rows[pivot], rows[place]
        rows[place] = [number / rows[place][column] for number in rows[place]]
        for i in range(size):
            if i != place and (factor := rows[i][column]) != 0:
                rows[i] = [number - factor * pivotal for number, pivotal in zip(rows[i], rows[place], strict=True)]
        pivots.append(column)
    basis = []
    for free in (column for column in range(size) if column not in pivots):
        vector = [Fraction(0)] * size
        vector[free] = Fraction(1)
        for place, column in enumerate(pivots):
            vector[column] = -rows[place][free]
        basis.append(vector)
    return basis


def supports(indices: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All subsets that are not empty, small ones first."""
    return chain.from_iterable(combinations(indices, size) for size in range(1, len(indices) + 1))


def submatrix(matrix: Matrix, support: Sequence[int]) -> Matrix:
    """The rows and columns of the support."""
    return [[matrix[i][j] for j in support] for i in support]


def spread_out(values: Sequence[Number], support: Sequence[int], size: int) -> list[Number]:
    """A vector with these values on the support and zeros elsewhere."""
    vector = [values[0] * 0] * size
    for i, value in zip(support, values, strict=True):
        vector[i] = value
    return vector


def mean_of(tasks: int) -> Vector:
    """The weights of the mean gradient."""
    return [Fraction(1, tasks)] * tasks
