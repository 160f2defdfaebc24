"""Quadratic programmes over non-negative variables with one matrix: the twin of `solvers.programmes`."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from balancers.solvers.single.arrays import Matrix, Vector
from balancers.solvers.single.lapack import dposv, dpotrf, dpotrs, dtrtrs
from balancers.solvers.tolerances import REFINEMENTS, RIDGE, TRIES, ZERO

FIRM = 1e-3  # on the diagonal of a Cholesky factor: its matrix is so far from singular that it needs no ridge
STRONGER = (10, 100, 1000, 10000)  # times the ridge, where rounding makes a block indefinite in spite of it


class Quadratic(NamedTuple):
    """A semidefinite matrix with diagonal near 1, prepared for many programmes.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import quadratic
        >>> quadratic(np.eye(2), regular=True).refinements
        0
    """

    matrix: Matrix
    sizes: Matrix  # of its elements
    ridged: Matrix  # the matrix whose blocks are factored
    refinements: int  # of what these factors give


class Face(NamedTuple):
    """The variables that are positive, and the Cholesky factor of their block.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import face_of, quadratic
        >>> face_of(quadratic(4 * np.eye(2), regular=True), np.array([False, True])).factor.tolist()
        [[2.0]]
    """

    variables: np.ndarray
    factor: np.ndarray


@cache
def identity(tasks: int, factor: float) -> Matrix:
    """The identity matrix times a factor; not to be changed.

    Example:
        >>> from balancers.solvers.single.programmes import identity
        >>> identity(2, 3.0).tolist()
        [[3.0, 0.0], [0.0, 3.0]]
    """
    return factor * np.eye(tasks)


def is_definite(matrix: Matrix) -> bool:
    """Whether a symmetric matrix has a Cholesky factor.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import is_definite
        >>> is_definite(np.eye(2)), is_definite(-np.eye(2))
        (True, False)
    """
    return dpotrf(matrix.T, 1, 0, 0)[1] == 0


def quadratic(matrix: Matrix, regular: bool) -> Quadratic:
    """The matrix, prepared; a regular one, whose eigenvalues are all far above rounding, needs no ridge.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import quadratic
        >>> quadratic(np.ones((2, 2)), regular=False).refinements
        2
    """
    if regular:
        return Quadratic(matrix, np.abs(matrix), matrix, 0)
    return Quadratic(matrix, np.abs(matrix), matrix + identity(len(matrix), RIDGE), REFINEMENTS)


def nonnegative(programme: Quadratic, target: Vector) -> Vector:
    r"""Argmin of :math:`\tfrac12 x^\top A x - b^\top x` over :math:`x \ge 0`.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import nonnegative, quadratic
        >>> nonnegative(quadratic(np.eye(2), regular=True), np.array([1.0, -1.0])).tolist()
        [1.0, 0.0]
    """
    support, point = pivot(programme, target, target > 0)
    return settle(programme, target, support, point)


def pivot(programme: Quadratic, target: Vector, support: np.ndarray) -> tuple[np.ndarray, Vector]:
    """The support of the optimum and its point: block principal pivoting from a guess, or an active set.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import pivot, quadratic
        >>> pivot(quadratic(np.eye(2), regular=True), np.array([1.0, -1.0]), np.array([False, True]))[0].tolist()
        [True, False]
    """
    fewest, tries = len(target) + 1, TRIES
    while True:
        point = plain(programme, target, support)
        wrong = misplaced(programme, target, support, point)
        number = np.count_nonzero(wrong)
        if number == 0:
            return support, point
        if number >= fewest and tries == 0:
            support = active_set(programme, target)
            return support, plain(programme, target, support)
        fewest, tries = (number, TRIES) if number < fewest else (fewest, tries - 1)
        support = support ^ wrong


def plain(programme: Quadratic, target: Vector, support: np.ndarray) -> Vector:
    """The solution of the equations of a support, without refinement; the other variables are 0.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import plain, quadratic
        >>> plain(quadratic(4 * np.eye(2), regular=True), np.ones(2), np.array([False, True])).tolist()
        [0.0, 0.25]
    """
    point = np.zeros(len(target))
    index = support.nonzero()[0]
    if index.size:
        _, point[index], failed = dposv(programme.ridged.take(index, 0).take(index, 1).T, target.take(index), 1)
        if failed:
            return solve_on(face_of(programme, support), target)
    return point


def misplaced(programme: Quadratic, target: np.ndarray, support: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Which variables are on the wrong side; of one programme, or a row each of several.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import misplaced, quadratic
        >>> matrix = quadratic(np.eye(2), regular=True)
        >>> misplaced(matrix, np.ones(2), np.array([True, False]), np.array([1.0, 0.0])).tolist()
        [False, True]
    """
    slack = point.dot(programme.matrix) - target
    size = np.abs(point)
    rounding = ZERO * (size.dot(programme.sizes) + np.abs(target))
    low = -ZERO * size.max(-1, keepdims=True)
    return (point < low) | ((slack < -rounding) > support)


def face_of(programme: Quadratic, support: np.ndarray) -> Face:
    """The factor of the block of a support.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import face_of, quadratic
        >>> face_of(quadratic(np.eye(2), regular=True), np.array([False, True])).variables.tolist()
        [1]
    """
    index = support.nonzero()[0]
    if not index.size:
        return Face(index, np.empty((0, 0)))
    block = programme.ridged.take(index, 0).take(index, 1)
    factor, failed = dpotrf(block.T, 1, 0)
    for times in STRONGER:
        if not failed:
            break
        factor, failed = dpotrf((block + identity(len(index), times * RIDGE)).T, 1, 0)
    return Face(index, factor)


def solve_on(face: Face, target: np.ndarray) -> np.ndarray:
    """The same as `plain`, for one target, (K,), or for several in columns.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import face_of, quadratic, solve_on
        >>> face = face_of(quadratic(4 * np.eye(2), regular=True), np.array([False, True]))
        >>> solve_on(face, np.ones(2)).tolist()
        [0.0, 0.25]
    """
    point = np.zeros(target.shape)
    if face.variables.size:
        point[face.variables] = dpotrs(face.factor, target.take(face.variables, 0), 1)[0]
    return point


def refine(programme: Quadratic, target: np.ndarray, face: Face, point: np.ndarray) -> np.ndarray:
    """The solution freed of the ridge; changes ``point``.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import face_of, quadratic, refine
        >>> matrix = quadratic(np.eye(2), regular=False)
        >>> refine(matrix, np.ones(2), face_of(matrix, np.ones(2) > 0), np.zeros(2)).tolist()
        [1.0, 1.0]
    """
    if face.variables.size:
        for _ in range(programme.refinements):
            missed = target - programme.matrix.dot(point)
            point[face.variables] += dpotrs(face.factor, missed.take(face.variables, 0), 1)[0]
    return point


def settle(programme: Quadratic, target: Vector, support: np.ndarray, point: Vector) -> Vector:
    """The point of the right support, without the ridge.

    Where the block of the support is far from singular, its own equations say. Else the point is taken as it is or
    refined, whichever meets the conditions better; a variable that refinement makes negative is 0 at the optimum, and
    what is left is solved once more.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import quadratic, settle
        >>> settle(quadratic(np.eye(2), regular=True), np.ones(2), np.ones(2) > 0, np.ones(2)).tolist()
        [1.0, 1.0]
    """
    index = support.nonzero()[0]
    if not programme.refinements or not index.size:
        return np.maximum(point, 0)
    block = programme.matrix.take(index, 0).take(index, 1)
    factor, failed = dpotrf(block.T, 1, 0)
    if not failed and factor.diagonal().min() > FIRM:
        parts = dpotrs(factor, target.take(index), 1)[0]
        if parts.min() >= 0:
            exact = np.zeros(len(target))
            exact[index] = parts
            return exact
    return _refined(programme, target, support, point)


def _refined(programme: Quadratic, target: Vector, support: np.ndarray, point: Vector) -> Vector:
    best, face = np.maximum(point, 0), face_of(programme, support)
    refined = refine(programme, target, face, point.copy())
    candidates = [np.maximum(refined, 0)]
    if refined.min() < 0:
        face = face_of(programme, refined > 0)
        candidates.append(np.maximum(refine(programme, target, face, solve_on(face, target)), 0))
    least = violation(programme, target, best)
    for candidate in candidates:
        missed = violation(programme, target, candidate)
        best, least = (candidate, missed) if missed <= least else (best, least)
    return best


def violation(programme: Quadratic, target: Vector, point: Vector) -> float:
    """How far a point is from meeting the conditions of optimality, relative to the terms that have to cancel.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import quadratic, violation
        >>> violation(quadratic(np.eye(2), regular=True), np.ones(2), np.array([1.0, 0.5]))
        0.3333333333333333
    """
    slack = programme.matrix.dot(point) - target
    size = programme.sizes.dot(point) + np.abs(target)
    missed = np.where(point > 0, np.abs(slack), -slack)
    return max(0.0, float((missed / np.where(size > 0, size, 1.0)).max()))


def active_set(programme: Quadratic, target: Vector) -> np.ndarray:
    """The support that an active-set method finds for the least-squares problem with the same solution.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.programmes import active_set, quadratic
        >>> active_set(quadratic(np.eye(2), regular=True), np.array([1.0, -1.0])).tolist()
        [True, False]
    """
    from scipy.optimize import nnls  # noqa: PLC0415 - few programmes need it, and it takes long to import

    factor = face_of(programme, np.ones(len(target), dtype=bool)).factor
    try:
        return nnls(np.tril(factor).T, dtrtrs(factor, target, lower=1)[0])[0] > 0
    except RuntimeError:  # rounding kept it from an end: the certificate will tell
        return target > 0
