"""Cosines and norms of the gradients of one Gramian, and where their hull lies: the twin of `solvers.cosines`."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from balancers.contract.exactness import COSINE, least_eigenvalue
from balancers.solvers.single.arrays import Matrix, Vector
from balancers.solvers.single.lapack import dsyevd
from balancers.solvers.single.programmes import Quadratic, identity, is_definite, nonnegative, quadratic
from balancers.solvers.tolerances import NARROW, RIDGE


class UnitGradients(NamedTuple):
    """What a Gramian says of its gradients once their norms are divided out.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import unit_gradients
        >>> unit_gradients(np.array([[1.0, -3.0], [-3.0, 25.0]])).norms.tolist()
        [1.0, 5.0]
    """

    cosines: Matrix  # 0 with a gradient of norm 0
    norms: Vector
    regular: bool  # no gradient is 0, and no eigenvalue of the cosines is below the square of `NARROW`

    @property
    def programme(self) -> Quadratic:
        """The cosines as the matrix of programmes."""
        return quadratic(self.cosines, self.regular)

    def programme_with(self, ones: Vector) -> Quadratic:
        """The cosines plus the outer product of a vector with itself, as the matrix of programmes."""
        return quadratic(self.cosines + ones[:, None] * ones, self.regular)


class SingleHull(NamedTuple):
    """Where the convex hull of unit gradients lies, and the coefficients of its shortest vector where it was looked at.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import hull_of, unit_gradients
        >>> hull_of(unit_gradients(np.array([[1.0, -1.0], [-1.0, 1.0]])), 1e-8).contains_zero
        True
    """

    contains_zero: bool  # up to rounding
    distance: float  # of zero, relative to the norm of the coefficients; 1 where it is not small
    shortest: Vector | None


def unit_gradients(gramian: Matrix) -> UnitGradients:
    """Cosines and norms; cosines that rounding made indefinite are replaced by the nearest ones that are not.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import unit_gradients
        >>> unit_gradients(np.array([[1.0, -3.0], [-3.0, 25.0]])).regular
        True
    """
    norms = np.sqrt(np.maximum(gramian.diagonal(), 0))
    inverse = _inverse(norms)
    cosines = gramian * inverse[:, None] * inverse
    tasks = len(norms)
    if is_definite(cosines - identity(tasks, NARROW**2)):
        return UnitGradients(cosines, norms, True)
    if not is_definite(cosines + identity(tasks, RIDGE)):
        values, vectors, _ = dsyevd(cosines.T)
        cosines = (vectors * np.maximum(values, 0)).dot(vectors.T)
    return UnitGradients(cosines, norms, False)


def clamped_cosines(gramian: Matrix) -> tuple[Matrix, Vector]:
    """Cosines and norms as `Evidence` has them: no cosine is beyond 1, and none is changed otherwise.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import clamped_cosines
        >>> clamped_cosines(np.array([[4.0, 4.0], [4.0, 4.0]]))[0].tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    norms = np.sqrt(np.maximum(gramian.diagonal(), 0))
    inverse = _inverse(norms)
    return np.minimum(np.maximum(gramian * inverse[:, None] * inverse, -1), 1), norms


def relative_inverse(norms: Vector) -> Vector:
    """The norm of the shortest gradient that is not 0 over each norm; 0 for a norm of 0.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import relative_inverse
        >>> relative_inverse(np.array([2.0, 0.0, 4.0])).tolist()
        [1.0, 0.0, 0.5]
    """
    present = norms > 0
    if present.all():
        return norms.min() / norms
    return norms.min(where=present, initial=np.inf) * _inverse(norms) if present.any() else np.zeros(len(norms))


def _inverse(norms: Vector) -> Vector:
    return np.divide(1.0, norms, out=np.zeros(len(norms)), where=norms > 0)


def length_of(cosines: Matrix, point: Vector) -> float:
    """Norm of a combination of unit gradients.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import length_of
        >>> length_of(np.eye(2), np.array([3.0, 4.0]))
        5.0
    """
    return sqrt(max(point.dot(cosines.dot(point)), 0.0))


def sums_to_zero(cosines: Matrix, point: Vector, resolution: float) -> bool:
    """Whether a combination of unit gradients is zero up to rounding.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import sums_to_zero
        >>> sums_to_zero(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([2.0, 2.0]), 1e-8)
        True
    """
    square, size = max(point.dot(cosines.dot(point)), 0.0), float(np.abs(point).sum())
    return bool(square <= resolution**2 * point.dot(point) + COSINE * size**2)


def hull_contains_zero(unit: UnitGradients, resolution: float) -> bool:
    """Whether the convex hull of the gradients that are not zero contains zero, up to rounding.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import hull_contains_zero, unit_gradients
        >>> hull_contains_zero(unit_gradients(np.array([[1.0, -1.0], [-1.0, 1.0]])), 1e-8)
        True
    """
    return _hull(unit, least_eigenvalue(len(unit.norms), resolution), resolution).contains_zero


def hull_of(unit: UnitGradients, resolution: float) -> SingleHull:
    """`hull_contains_zero`, and how far from zero the hull is where that is less than `NARROW`; else 1.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import hull_of, unit_gradients
        >>> hull_of(unit_gradients(np.eye(2)), 1e-8)
        SingleHull(contains_zero=False, distance=1.0, shortest=None)
    """
    return _hull(unit, NARROW**2, resolution)


def _hull(unit: UnitGradients, least: float, resolution: float) -> SingleHull:
    if unit.regular:
        return SingleHull(False, 1.0, None)
    present = unit.cosines.diagonal()
    if is_definite(unit.cosines + np.diag(np.where(present > 0, -least, 1.0))):
        return SingleHull(False, 1.0, None)
    shortest = nonnegative(unit.programme_with(present), present)
    near = length_of(unit.cosines, shortest) / sqrt(shortest.dot(shortest))
    contains_zero = sums_to_zero(unit.cosines, shortest, resolution)
    return SingleHull(contains_zero, near if near < NARROW else 1.0, shortest)
