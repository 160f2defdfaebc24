"""Weights that share the gain by Nash bargaining or α-fairness, for one Gramian: the twin of `solvers.bargaining`."""

from __future__ import annotations

from math import exp, inf

import numpy as np

from balancers.contract.exactness import COSINE, DOUBLE
from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import hull_contains_zero, unit_gradients
from balancers.solvers.single.lapack import dposv, dpotrf, dpotri
from balancers.solvers.single.min_norm import shortest_in_hull
from balancers.solvers.single.pairs import fair_pair, pair_of
from balancers.solvers.single.programmes import identity
from balancers.solvers.tolerances import ACCURATE, CALM, CONVERGED, FAINT, NEWTON, SHORT


def fair_weights(gramian: Matrix, alpha: float, resolution: float, preference: Vector | None) -> ArraySolution:
    """The positive solution of Gw = (p / w)^(1/α), as `bargain` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.bargaining import fair_weights
        >>> gramian = np.array([[1.0, -3.0], [-3.0, 25.0]])
        >>> weights = fair_weights(gramian, 1.0, 1e-8, None).point
        >>> (weights * gramian.dot(weights)).round(3).tolist()
        [1.0, 1.0]
    """
    unit = unit_gradients(gramian)
    present = unit.norms > 0
    logs = np.log(np.where(present, unit.norms, 1.0))
    middle = float(logs.sum()) / max(np.count_nonzero(present), 1)
    relative = np.where(present, np.exp(logs - middle), 1.0)
    scale = exp(-2 * alpha / (1 + alpha) * middle)  # of the weights
    residual, solved = 0.0, False
    weights = relative
    if not hull_contains_zero(unit, resolution):
        cosines = unit.cosines if present.all() else unit.cosines + np.diag(np.where(present, 0.0, 1.0))
        factors = relative ** (1 / alpha - 1) if preference is None else _factors(preference, relative, alpha)
        pair = pair_of(gramian)
        bargain = fair_pair(pair, alpha, factors) if pair else None
        point, residual = bargain or _newton(cosines, factors, alpha)
        weights, solved = np.where(present, point / relative * scale, 0.0), residual < ACCURATE
    if not solved:
        weights = len(gramian) * scale * shortest_in_hull(gramian, resolution).point
    return ArraySolution(weights, residual, solved)


def _factors(preference: Vector, relative: Vector, alpha: float) -> Vector:
    return preference ** (1 / alpha) * relative ** (1 / alpha - 1)


def _newton(cosines: Matrix, factors: Vector, alpha: float) -> tuple[Vector, float]:
    """The minimum by damped steps in relative changes, and its residual."""
    caution, identical = max(1.0, 1 / alpha), identity(len(factors), 1 / alpha)
    point = (factors / np.abs(cosines).sum(-1)) ** (alpha / (1 + alpha))
    before = inf
    for _ in range(NEWTON):
        wanted = factors if alpha == 1 else factors * point ** (1 - 1 / alpha)
        along = cosines.dot(point)
        scale = 1 / np.sqrt(wanted)
        parts = point * scale
        hessian = cosines * parts[:, None] * parts + identical
        change = scale * dposv(hessian.T, scale * (wanted - point * along), 1)[1]
        change = _let_go(point, along, change)
        largest = float(np.abs(change).max())
        point = point * (1 + (change if largest < CALM else change / (1 + caution * largest)))
        # Short steps square their relative length; one that does not even halve it is as short as rounding allows.
        if not largest >= CONVERGED or (before < SHORT and 2 * largest > before):
            break
        before = largest
    return point, _relative_error(cosines, factors, alpha, point)


def _let_go(point: Vector, along: Vector, change: Vector) -> Vector:
    """The change, 0 where a number is fading away, and where the sum is hidden by rounding."""
    size = float(point.sum())
    if point.dot(along) <= DOUBLE**2 * point.dot(point) + COSINE * size**2:
        return np.zeros(len(change))
    largest = point.max()
    if point.min() < FAINT * largest:
        return np.where((point < FAINT * largest) & (change < 0), 0.0, change)
    return change


def _relative_error(cosines: Matrix, factors: Vector, alpha: float, point: Vector) -> float:
    """A bound of the relative change that another Newton step would make, were it computed without rounding."""
    wanted = factors * point ** (1 - 1 / alpha)
    have = point * cosines.dot(point)
    rounding = COSINE * (point * np.abs(cosines).dot(point) + wanted)
    faint = (point < FAINT * point.max()) & (have >= wanted)
    missed = np.where(faint, 0.0, np.abs(wanted - have) + rounding)
    scale = 1 / np.sqrt(wanted)
    parts = point * scale
    factor, failed = dpotrf((cosines * parts[:, None] * parts + identity(len(point), 1 / alpha)).T, 1, 0)
    lower = np.tril(dpotri(factor, 1)[0])
    inverse = np.abs(lower + np.tril(lower, -1).T)
    residual = float((scale * inverse.dot(scale * missed)).max())
    return residual if residual < inf and not failed else inf
