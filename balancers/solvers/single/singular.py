"""The weights of aligned gradients for one Gramian, from singular values: for Aligned-MTL."""

from __future__ import annotations

from typing import Literal

import numpy as np

from balancers.contract.exactness import COSINE, DOUBLE, least_eigenvalue
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import clamped_cosines
from balancers.solvers.single.lapack import dgesdd
from balancers.solvers.single.spectral import eigenvectors
from balancers.solvers.tolerances import ACCURATE, FARTHEST, GOOD


def aligned_weights(
    gramian: Matrix, wanted: Vector, scale: Literal["min", "median", "rmse"], resolution: float
) -> ArraySolution | None:
    """The weights that combine gradients as if they were orthogonal and of one length, as `AlignedMTL` says.

    None where the usual decomposition is not exact enough: then Jacobi's rotations take over (`singular_values`).

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.singular import aligned_weights
        >>> aligned_weights(np.diag([1.0, 4.0]), np.full(2, 0.5), "min", 1e-8).point.round(3).tolist()
        [0.5, 0.25]
    """
    cosines, norms = clamped_cosines(gramian)
    largest = norms.max()
    relative = norms / largest if largest > 0 else norms
    values, vectors, kept = eigenvectors(cosines, resolution)
    rank = int(kept.sum())
    # The gradients are D B Q for their norms D, some orthogonal Q, and this B: they are aligned with B' D.
    roots = np.sqrt(np.where(kept, values, 0.0))
    matrix = (vectors * roots).T * relative
    left, singular, right, failed = dgesdd(matrix)
    left, singular, right = left[:, :rank], singular[:rank], right[:rank]
    errors = _errors(matrix, left, singular, right)
    if failed or not (errors <= GOOD).all():
        return None
    aligned = left.dot(right.dot(wanted)) * _length(singular, scale) if rank else np.zeros(len(norms))
    parts = vectors.dot(np.where(kept, aligned / np.where(kept, roots, 1.0), 0.0))
    weights = np.where(relative > 0, parts / np.where(relative > 0, relative, 1.0), 0.0)
    rounding = COSINE * len(norms) / values[kept].min() if rank else 0.0
    hidden = bool((values[~kept] > least_eigenvalue(len(norms), DOUBLE)).any())  # directions that rounding hides
    apart = bool(((relative > 0) & (relative < FARTHEST)).any())
    residual = max(float(errors.max(initial=0.0)), float(rounding), float(hidden or apart))
    return ArraySolution(weights, residual, residual < ACCURATE)


def _errors(matrix: Matrix, left: Matrix, singular: Vector, right: Matrix) -> Vector:
    """The relative violation of A v = σ u and of orthogonality, of every triple."""
    missed = matrix.dot(right.T) - left * singular
    lengths = np.sqrt((missed * missed).sum(0)) / singular
    identity = np.eye(len(singular))
    skew = np.maximum(np.abs(left.T.dot(left) - identity), np.abs(right.dot(right.T) - identity))
    return lengths + (skew.max(0) if len(singular) else 0.0)


def _length(singular: Vector, scale: Literal["min", "median", "rmse"]) -> float:
    rank = len(singular)
    if scale == "rmse":
        return float(np.sqrt(singular.dot(singular) / rank))
    return float(singular[rank - 1 if scale == "min" else rank // 2])
