"""The simplex by other means: projection by bisection, and how far a point is from a minimum on it."""

import numpy as np


def projection(point: np.ndarray) -> np.ndarray:
    """The nearest point (K,) of the simplex: max(v - theta, 0) for the theta that makes it sum to 1."""
    low, high = point.max() - 1, point.max()
    for _ in range(200):
        middle = (low + high) / 2
        if np.maximum(point - middle, 0).sum() > 1:
            low = middle
        else:
            high = middle
    return np.maximum(point - high, 0)


def gap(weights: np.ndarray, slope: np.ndarray) -> float:
    """What moving all weight to the best task would gain to first order: 0 at a minimum, else positive."""
    return float(weights @ slope - slope.min())
