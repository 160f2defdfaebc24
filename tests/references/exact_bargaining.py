"""Nash bargaining and α-fair weights with a hundred digits: Nash-MTL and FairGrad.

They minimise a convex function, by Newton's method in relative changes of the weights, and exist if and only if the
convex hull of the gradients does not contain zero, which is decided without rounding.
"""

from collections.abc import Sequence
from fractions import Fraction

from tests.references.exact_hull import is_stationary
from tests.references.exact_linear import HIGH, Matrix, Real, gramian_of, real, root, solve, spread_out, times

STEPS = 2000  # about ten are taken, and sixty at a distance of 1e-15 from a stationary point
SETTLED = HIGH.mpf(10) ** -40  # relative change of the last step; the next would be its square


def bargain(rows: Matrix, alpha: float = 1.0, start: Sequence[float] | None = None) -> list[Real] | None:
    r"""The positive weights with :math:`G w = w^{-1/\alpha}`, 0 for a gradient of zero; None if there are none.

    A ``start`` near the solution makes it quick, and has no influence on the result.
    """
    gramian = gramian_of(rows)
    nonzero = [i for i in range(len(rows)) if gramian[i][i] > 0]
    if is_stationary(rows):
        return None
    norms = [root(gramian[i][i]) for i in nonzero]
    cosines = [
        [real(gramian[i][j]) / a / b for j, b in zip(nonzero, norms, strict=True)]
        for i, a in zip(nonzero, norms, strict=True)
    ]
    power = 1 / real(Fraction(alpha))
    factors = [norm ** (power - 1) for norm in norms]
    lengths = _first(cosines, factors, power)
    if start is not None and all(0 < start[i] < float("inf") for i in nonzero):
        lengths = [real(Fraction(start[i])) * norm for i, norm in zip(nonzero, norms, strict=True)]
    lengths = _newton(cosines, factors, power, lengths)
    return spread_out([length / norm for length, norm in zip(lengths, norms, strict=True)], nonzero, len(rows))


def _first(cosines: list[list[Real]], factors: list[Real], power: Real) -> list[Real]:
    return [(factor / sum(map(abs, row))) ** (1 / (1 + power)) for factor, row in zip(factors, cosines, strict=True)]


def _newton(cosines: list[list[Real]], factors: list[Real], power: Real, lengths: list[Real]) -> list[Real]:
    r"""The positive x with :math:`C x = f x^{-1/\alpha}`."""
    for _ in range(STEPS):
        wanted = [factor * x ** (1 - power) for factor, x in zip(factors, lengths, strict=True)]
        have = [x * product for x, product in zip(lengths, times(cosines, lengths), strict=True)]
        hessian = [
            [a * entry * b for entry, b in zip(row, lengths, strict=True)]
            for row, a in zip(cosines, lengths, strict=True)
        ]
        for i, target in enumerate(wanted):
            hessian[i][i] += power * target
        solutions = solve(hessian, [[a - b for a, b in zip(wanted, have, strict=True)]])
        if solutions is None:
            raise ArithmeticError("the Hessian of a strictly convex function is regular")
        largest = max(map(abs, solutions[0]))
        share = 1 if largest < 0.25 else 1 / (1 + max(1, power) * largest)
        lengths = [x * (1 + share * change) for x, change in zip(lengths, solutions[0], strict=True)]
        if largest < SETTLED:
            return lengths
    raise ArithmeticError(f"Newton's method did not settle in {STEPS} steps")
