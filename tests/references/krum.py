"""Multi-Krum word for word from Blanchard et al., NeurIPS 2017, on explicit gradients."""

import numpy as np


def scores(gradients: np.ndarray, f: int) -> np.ndarray:
    """The score (K,) of every gradient (K, D): squared distances to its K - f - 2 nearest, summed."""
    count = len(gradients)
    sums = []
    for i in range(count):
        squares = sorted(float(np.sum((gradients[i] - gradients[j]) ** 2)) for j in range(count) if j != i)
        sums.append(sum(squares[: count - f - 2]))
    return np.array(sums)


def multi_krum(gradients: np.ndarray, f: int, m: int) -> np.ndarray:
    """The mean (D,) of the m gradients with the smallest scores."""
    return gradients[np.argsort(scores(gradients, f), kind="stable")[:m]].mean(axis=0)
