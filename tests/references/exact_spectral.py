"""Equal projections and aligned gradients with a hundred digits: IMTL-G, ConFIG and Aligned-MTL.

The rank of the gradients is found without rounding.
"""

from typing import Any, Literal

from tests.references.exact_linear import (
    DIGITS,
    HIGH,
    Matrix,
    Real,
    Vector,
    dot,
    gramian_of,
    mean_of,
    null_space,
    real,
    root,
    solve,
    spread_out,
    submatrix,
)

ROUNDING = HIGH.mpf(10) ** (-DIGITS // 2)


def equal_projections(rows: Matrix) -> list[Real] | None:
    """The shortest weights (K,) of the unit gradients whose combination has the projection 1 on each; None if none has.

    A gradient of zero gets weight 0.
    """
    gramian = gramian_of(rows)
    nonzero = [i for i in range(len(rows)) if gramian[i][i] > 0]
    if not nonzero:
        return [HIGH.mpf(0)] * len(rows)
    norms = [root(gramian[i][i]) for i in nonzero]
    cosines = [
        [real(gramian[i][j]) / a / b for j, b in zip(nonzero, norms, strict=True)]
        for i, a in zip(nonzero, norms, strict=True)
    ]
    # A combination of unit gradients is zero if one of the gradients with its weights over the norms is.
    silent = [
        [real(weight) * norm for weight, norm in zip(vector, norms, strict=True)]
        for vector in null_space(submatrix(gramian, nonzero))
    ]
    silent = _orthonormal(silent)
    if any(abs(sum(vector)) > ROUNDING for vector in silent):
        return None
    for vector in silent:
        cosines = [
            [entry + a * b for entry, b in zip(row, vector, strict=True)]
            for row, a in zip(cosines, vector, strict=True)
        ]
    solutions = solve(cosines, [[HIGH.mpf(1)] * len(nonzero)])
    if solutions is None:
        raise ArithmeticError("with its null space filled a matrix is regular")
    return spread_out(solutions[0], nonzero, len(rows))


def imtl_g(rows: Matrix) -> list[Real] | None:
    """IMTL-G's weights, which sum to 1; None without equal projections, or where these increase all losses."""
    lengths = equal_projections(rows)
    if lengths is None or not any(lengths):
        return lengths
    weights = [length / norm if length else length for length, norm in zip(lengths, _norms(rows), strict=True)]
    total = sum(weights)
    return [weight / total for weight in weights] if total > ROUNDING * sum(map(abs, weights)) else None


def config(rows: Matrix) -> list[Real] | None:
    """ConFIG's weights: equal cosines, and the sum of the projections on the update as its length; None if none has."""
    lengths = equal_projections(rows)
    if lengths is None or not any(lengths):
        return lengths
    square = sum(lengths)  # x'Cx, because Cx = 1
    share = sum(_norms(rows)) / square
    return [share * length / norm if length else length for length, norm in zip(lengths, _norms(rows), strict=True)]


def aligned(
    rows: Matrix,
    scale: Literal["min", "median", "rmse"] = "min",
    preferences: Vector | None = None,
    rank: int | None = None,
) -> list[Real]:
    """Aligned-MTL's weights, with the exact rank of the gradients.

    With a smaller ``rank`` the unit gradients are replaced by the nearest ones of that rank first.
    """
    tasks, gramian = len(rows), gramian_of(rows)
    numbers = HIGH.matrix([[real(number) for number in row] for row in gramian])
    exact_rank = tasks - len(null_space(gramian))
    if rank is not None and rank < exact_rank:
        numbers = _truncated(numbers, _norms(rows), rank)
    rank = exact_rank if rank is None else rank
    if rank == 0:
        return [HIGH.mpf(0)] * tasks
    values, vectors = HIGH.eigsy(numbers)
    kept = sorted(range(tasks), key=lambda i: values[i])[tasks - rank :]
    chosen = {
        "min": values[kept[0]],
        "median": values[kept[(rank - 1) // 2]],
        "rmse": sum(values[i] for i in kept) / rank,
    }[scale]
    wanted = [real(weight) for weight in preferences or mean_of(tasks)]
    weights = [HIGH.mpf(0)] * tasks
    for i in kept:
        axis = [vectors[j, i] for j in range(tasks)]
        share = HIGH.sqrt(chosen / values[i]) * dot(axis, wanted)
        weights = [weight + share * part for weight, part in zip(weights, axis, strict=True)]
    return weights


def ranks(rows: Matrix, finest: float) -> list[int]:
    """The rank, and smaller ones if all further eigenvalues of the cosines are below this share of the largest."""
    norms = _norms(rows)
    tasks, gramian = len(rows), gramian_of(rows)
    inverse = [1 / norm if norm else norm for norm in norms]
    cosines = [[real(gramian[i][j]) * inverse[i] * inverse[j] for j in range(tasks)] for i in range(tasks)]
    values = sorted(HIGH.eigsy(HIGH.matrix(cosines), eigvals_only=True))
    exact_rank = tasks - len(null_space(gramian))
    return [rank for rank in range(1, exact_rank + 1) if rank == exact_rank or values[-1 - rank] < finest * values[-1]]


def _truncated(gramian: Any, norms: list[Real], rank: int) -> Any:
    """The Gramian with the smaller eigenvalues of its cosines set to zero."""
    tasks = len(norms)
    inverse = HIGH.diag([1 / norm if norm else norm for norm in norms])
    values, vectors = HIGH.eigsy(inverse * gramian * inverse)
    order = sorted(range(tasks), key=lambda i: values[i])
    for i in order[: tasks - rank]:
        values[i] = 0
    factor = HIGH.diag(norms) * vectors
    return factor * HIGH.diag(list(values)) * factor.T


def _norms(rows: Matrix) -> list[Real]:
    return [root(dot(row, row)) for row in rows]


def _orthonormal(vectors: list[list[Real]]) -> list[list[Real]]:
    basis: list[list[Real]] = []
    for vector in vectors:
        for _ in range(2):  # once more removes what rounding left
            for axis in basis:
                share = dot(axis, vector)
                vector = [a - share * b for a, b in zip(vector, axis, strict=True)]  # noqa: PLW2901
        length = HIGH.sqrt(dot(vector, vector))
        basis.append([number / length for number in vector])
    return basis
