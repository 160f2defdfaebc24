"""Projections onto the cone of vectors that conflict with no gradient, for one Gramian: the twin of `dual_cone`."""

from __future__ import annotations

import numpy as np

from balancers.contract.exactness import COSINE
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import SingleHull, UnitGradients, hull_of, unit_gradients
from balancers.solvers.single.pairs import pair_of, pair_onto_cone
from balancers.solvers.single.programmes import face_of, identity, nonnegative, quadratic, refine, solve_on
from balancers.solvers.single.rows import nonnegative_rows
from balancers.solvers.tolerances import ACCURATE, DAMPING, LARGE


def project_onto_cone(gramian: Matrix, references: np.ndarray, resolution: float) -> ArraySolution:
    """Argmin of v'Gv over v >= m for every row m of the references, (R, K), as `dual_cone` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.dual_cone import project_onto_cone
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> project_onto_cone(gramian, np.array([[0.5, 0.5]]), 1e-8).point.round(3).tolist()
        [[1.5, 0.5]]
    """
    if pair := pair_of(gramian):
        return pair_onto_cone(pair, references, resolution)
    unit = unit_gradients(gramian)
    scaled = references * unit.norms
    size = np.abs(scaled).max(-1, keepdims=True)
    scaled /= np.where(size > 0, size, 1.0)
    hull = hull_of(unit, resolution)
    target = -scaled.dot(unit.cosines)
    extra = _added(unit, hull, scaled, target)
    parts = scaled + extra
    along = parts.dot(unit.cosines)
    square = np.maximum((parts * along).sum(-1, keepdims=True), 0)
    length = np.maximum(np.sqrt(square), resolution * np.sqrt((parts * parts).sum(-1, keepdims=True)))
    missed = np.where(extra > 0, np.abs(along), -along).max(-1, keepdims=True)
    residual = np.maximum(missed / np.where(length > 0, length, 1.0), 0.0)[:, 0]
    residual = residual / hull.distance if hull.distance > 0 else np.full(len(residual), np.inf)
    solved = (residual < ACCURATE) & (not hull.contains_zero)
    if not solved.all():
        for row in (~solved).nonzero()[0]:
            extra[row] = tamed(unit, target[row], extra[row])
    if unit.norms.min() > 0:
        added = extra * size / unit.norms
    else:
        present = np.where(unit.norms > 0, unit.norms, 1.0)
        added = np.where(unit.norms > 0, extra * size / present, 0.0)
    return ArraySolution(references + added, residual, solved)


def _added(unit: UnitGradients, hull: SingleHull, scaled: np.ndarray, target: np.ndarray) -> np.ndarray:
    """What is added to every reference."""
    if hull.contains_zero and hull.shortest is not None:
        vanishing = _until_zero(unit, hull.shortest, scaled, target)
        if vanishing is not None:
            return vanishing
    return nonnegative_rows(unit.programme, target)


def _until_zero(unit: UnitGradients, shortest: Vector, scaled: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """What makes every reference 0, if gradients that combine to 0 span all others: then the cone holds nothing else.

    A combination of these gradients that has the opposite of the reference need not be positive; so much of their
    combination to 0 is added that it is. There is none where a cone, however thin, is left.
    """
    programme = unit.programme
    face = face_of(programme, shortest > 0)
    level = shortest[face.variables]
    extra = np.zeros(target.shape)
    columns = np.ascontiguousarray(target.T)
    parts = refine(programme, columns, face, solve_on(face, columns))[face.variables].T
    enough = np.maximum((-parts / level).max(-1, keepdims=True), 0)
    extra[:, face.variables] = np.maximum(parts + level * enough, 0)
    if extra.max() > LARGE:
        return None
    total = scaled + extra
    square, size = (total.dot(unit.cosines) * total).sum(-1), np.abs(total).sum(-1)
    return extra if (square <= COSINE * size**2).all() else None


def tamed(unit: UnitGradients, target: Vector, point: Vector) -> Vector:
    """The solution of a programme that does not count; a damped one if it has large numbers that cancel.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.cosines import unit_gradients
        >>> from balancers.solvers.single.dual_cone import tamed
        >>> opposite = unit_gradients(np.array([[1.0, -1.0], [-1.0, 1.0]]))
        >>> tamed(opposite, np.array([1.0, -1.0]), np.array([2e6, 2e6])).round(3).tolist()
        [1.0, 0.0]
    """
    if point.max() <= LARGE:
        return point
    return nonnegative(quadratic(unit.cosines + identity(len(target), DAMPING), unit.regular), target)
