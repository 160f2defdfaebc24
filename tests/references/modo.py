"""MoDo's weights from Chen et al., JMLR 2024, on explicit gradients of two batches."""

from collections.abc import Iterable, Iterator

import numpy as np

from tests.references.simplex import projection


def modo(run: Iterable[tuple[np.ndarray, np.ndarray]], gamma: float, rho: float) -> Iterator[np.ndarray]:
    """The weights (K,) of every step of a run of pairs of gradients (K, D)."""
    weights = None
    for first, second in run:
        if weights is None:
            weights = np.full(len(first), 1 / len(first))
        combined = sum(w * gradient for w, gradient in zip(weights, second, strict=True))
        slope = np.array([gradient @ combined for gradient in first]) + rho * weights
        weights = projection(weights - gamma * slope)
        yield weights
