"""Points of the simplex: the nearest one, and the one of least cost, for one problem."""

from __future__ import annotations

from math import nan

from balancers.solvers.single.arrays import ArraySolution, Matrix, Vector
from balancers.solvers.single.cosines import unit_gradients
from balancers.solvers.single.lines import Line, search
from balancers.solvers.tolerances import SETTLED


def least_on_simplex(gramian: Matrix, linear: Vector) -> ArraySolution:
    """Argmin of w'Gw / 2 + q'w over the simplex, as `simplex_qp` says.

    Example:
        >>> import numpy as np
        >>> from balancers.solvers.single.simplex import least_on_simplex
        >>> least_on_simplex(np.eye(2), np.array([-0.5, 0.0])).point.round(3).tolist()
        [0.75, 0.25]

    Raises:
        ValueError: a gradient is zero.
    """
    unit = unit_gradients(gramian)
    norms, smallest = unit.norms, float(unit.norms.min())
    if not smallest > 0:
        raise ValueError("simplex_qp: expected gradients that are not zero")
    ones = smallest / norms

    def excess(point: Vector, target: Vector) -> float:  # noqa: ARG001
        return float(point.dot(ones)) - 1

    def root(slope: Vector, fixed: Vector) -> float:
        total = float(slope.dot(ones))
        return (1 + float(fixed.dot(ones))) / total if total else nan

    square = smallest**2
    low, high = float(linear.min()) / square, (float(norms.max()) ** 2 + float(linear.max())) / square + 1
    line = Line(unit.programme_with(ones), ones, linear / (norms * smallest), low, high)
    point, residual = search(line, excess, root)
    weights = point * ones
    return ArraySolution(weights / weights.sum(), residual, residual < SETTLED)
