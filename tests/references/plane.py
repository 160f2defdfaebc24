"""The two-task plane as the papers' code prints it, for one point and in plain Python."""

from __future__ import annotations

from math import log, tanh

LOWER = 0.000005


def losses(x1: float, x2: float) -> tuple[float, float]:
    """Both losses at (x1, x2), the first times 0.1 as in Nash-MTL."""
    a1 = log(max(abs(0.5 * (-x1 - 7) - tanh(-x2)), LOWER)) + 6
    a2 = log(max(abs(0.5 * (-x1 + 3) + tanh(-x2) + 2), LOWER)) + 6
    q1 = ((-x1 + 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
    q2 = ((-x1 - 7) ** 2 + 0.1 * (-x2 - 8) ** 2) / 10 - 20
    c1 = max(tanh(0.5 * x2), 0)
    c2 = max(tanh(-0.5 * x2), 0)
    return 0.1 * (a1 * c1 + q1 * c2), a2 * c1 + q2 * c2
