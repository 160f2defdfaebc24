"""PCD on explicit gradients, the primary one first: every set of active constraints is tried, as in Appendix B.2."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations

import numpy as np

TOLERANCE = 1e-9


def direction(gradients: np.ndarray, taus: Sequence[float]) -> np.ndarray | None:
    """The point (D,) nearest to the first row that meets the constraints of all others; none if there is none."""
    primary, others = gradients[0], gradients[1:]
    required = np.array(taus) * np.sum(others**2, axis=1)
    scale = np.linalg.norm(others, axis=1)
    for active in _subsets(range(len(others))):
        rows = others[list(active)]
        if np.linalg.matrix_rank(rows, tol=1e-6) < len(active):
            continue
        multipliers = np.linalg.solve(rows @ rows.T, required[list(active)] - rows @ primary) if active else np.zeros(0)
        point = primary + multipliers @ rows
        if (multipliers >= -TOLERANCE).all() and (others @ point >= required - TOLERANCE * scale).all():
            return point
    return None


def _subsets(rows: Sequence[int]) -> Iterable[tuple[int, ...]]:
    return chain.from_iterable(combinations(rows, size) for size in range(len(rows) + 1))


def pcd(steps: Iterable[np.ndarray], taus: Sequence[float], beta: float) -> Iterator[np.ndarray]:
    """The updates (D,) of successive steps, for gradients (K, D) in each; none of them zero.

    A direction that is zero up to rounding is zero.
    """
    mean = 0.0
    for step, gradients in enumerate(steps, start=1):
        mean = beta * mean + (1 - beta) * np.sum(gradients**2, axis=1)
        normalized = gradients / np.sqrt(mean / (1 - beta**step))[:, None]
        point = direction(normalized, taus)
        point = normalized[0] if point is None else point
        length = np.linalg.norm(point)
        zero = length < TOLERANCE * np.linalg.norm(normalized[0])
        yield 0 * point if zero else point * np.linalg.norm(gradients[0]) / length
