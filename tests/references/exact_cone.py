"""Projections onto the updates that conflict with no task, without rounding: DualProj and UPGrad for up to six tasks.

Every set of tasks with independent gradients is tried: on the right one the added weights make the products with its
gradients zero, none of them is negative, and no product with another gradient is.
"""

from fractions import Fraction

from tests.references.exact_linear import (
    Matrix,
    Vector,
    gramian_of,
    mean_of,
    solve,
    spread_out,
    submatrix,
    supports,
    times,
)


def projection(rows: Matrix, reference: Vector) -> Vector:
    """Weights (K,) whose combination is the nearest to the reference's that conflicts with no gradient."""
    return _projection(gramian_of(rows), reference)


def dualproj(rows: Matrix, preferences: Vector | None = None) -> Vector:
    """DualProj's weights: the projection of the mean gradient, or of a weighted sum of the gradients."""
    return projection(rows, preferences or mean_of(len(rows)))


def upgrad(rows: Matrix, preferences: Vector | None = None) -> Vector:
    """UPGrad's weights: the mean, or another weighted sum, of the projections of the gradients."""
    gramian, tasks = gramian_of(rows), len(rows)
    total = [Fraction(0)] * tasks
    for i, share in enumerate(preferences or mean_of(tasks)):
        own = _projection(gramian, spread_out([Fraction(1)], [i], tasks))
        total = [sum_ + share * weight for sum_, weight in zip(total, own, strict=True)]
    return total


def _projection(gramian: Matrix, reference: Vector) -> Vector:
    products = times(gramian, reference)
    if min(products) >= 0:
        return reference
    for support in supports(range(len(gramian))):
        solutions = solve(submatrix(gramian, support), [[-products[i] for i in support]])
        if solutions is None or min(solutions[0]) < 0:
            continue
        weights = [a + b for a, b in zip(reference, spread_out(solutions[0], support, len(gramian)), strict=True)]
        if min(times(gramian, weights)) >= 0:
            return weights
    raise ArithmeticError("every vector has a projection onto the cone, and none was found")
