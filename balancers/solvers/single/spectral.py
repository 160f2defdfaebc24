"""Weights from the eigenvalues of the cosines of one Gramian: the twin of `solvers.spectral`, for IMTL-G and ConFIG."""

from __future__ import annotations

from math import sqrt

import numpy as np

from balancers.contract.exactness import COSINE, least_eigenvalue
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import clamped_cosines, relative_inverse
from balancers.solvers.single.lapack import dsyevd
from balancers.solvers.single.pairs import LARGEST_COSINE, projections_of_pair
from balancers.solvers.tolerances import ACCURATE


def eigenvectors(cosines: Matrix, resolution: float) -> tuple[Vector, Matrix, np.ndarray]:
    """Eigenvalues in ascending order, unit eigenvectors in columns, and which eigenvalues are above rounding.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.spectral import eigenvectors
        >>> eigenvectors(np.ones((2, 2)), 1e-8)[2].tolist()
        [False, True]
    """
    values, vectors, _ = dsyevd(cosines.T)
    return values, vectors, values > least_eigenvalue(len(values), resolution)


def given_projections(cosines: Matrix, projections: Vector, resolution: float) -> ArraySolution:
    """The shortest combination of unit gradients with given projections on them, as `proportional_projections` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.spectral import given_projections
        >>> given_projections(np.array([[1.0, -0.6], [-0.6, 1.0]]), np.ones(2), 1e-8).point.round(3).tolist()
        [2.5, 2.5]
    """
    if (
        len(cosines) == 2
        and abs(cosine := float(cosines[0, 1])) < LARGEST_COSINE
        and cosines[0, 0] > 0
        and cosines[1, 1] > 0
    ):
        return projections_of_pair(cosine, *projections.tolist())
    present = cosines.diagonal() > 0
    target = np.where(present, projections, 0.0)
    values, vectors, kept = eigenvectors(cosines, resolution)
    along = np.where(kept, target.dot(vectors), 0.0)
    least = least_eigenvalue(len(target), resolution) ** 0.5
    if sqrt(along.dot(along)) > least * sqrt(target.dot(target)):
        point = np.where(present, vectors.dot(along / np.where(kept, values, 1.0)), 0.0)
    else:
        point = np.zeros(len(target))
    rounding = COSINE * np.abs(cosines).dot(np.abs(point))
    violation = np.maximum(np.abs(cosines.dot(point) - target), rounding)
    residual = float(np.where(present, violation / projections, 0.0).max())
    return ArraySolution(point, residual, residual < ACCURATE)


def impartial_weights(gramian: Matrix, scales: Vector | float, resolution: float) -> ArraySolution:
    """The weights of IMTL-G for gradients times scales: the same projection on each of them, weights summing to 1.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.spectral import impartial_weights
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> impartial_weights(gramian, 1.0, 1e-8).point.round(3).tolist()
        [0.833, 0.167]
    """
    cosines, norms = clamped_cosines(gramian)
    solution = given_projections(cosines, np.ones(len(norms)), resolution)
    inverse = solution.point * relative_inverse(norms * scales)
    total, size = float(inverse.sum()), float(np.abs(inverse).sum())
    solved = bool(solution.solved and (total > ACCURATE * size or size == 0))
    divisor = total if solved else size
    weights = inverse / divisor if divisor > 0 else np.zeros(len(norms))
    return ArraySolution(weights, solution.residual, solved)


def conflict_free_weights(gramian: Matrix, shares: Vector, resolution: float) -> ArraySolution:
    """The weights of ConFIG: cosines with the update in proportion to shares, its length the sum of all projections.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.spectral import conflict_free_weights
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> conflict_free_weights(gramian, np.full(2, 0.5), 1e-8).point.round(3).tolist()
        [3.0, 0.6]
    """
    cosines, norms = clamped_cosines(gramian)
    solution = given_projections(cosines, shares * len(shares), resolution)
    along = cosines.dot(solution.point)
    square = float(solution.point.dot(along))
    parts = solution.point * (float(norms.dot(along)) / square) if square > 0 else np.zeros(len(norms))
    return solution._replace(point=np.divide(parts, norms, out=np.zeros(len(norms)), where=norms > 0))
