"""MGDA's weights by the Frank-Wolfe solver of Sener and Koltun, NeurIPS 2018, Algorithms 1 and 2."""

import numpy as np


def between_two(one: np.ndarray, other: np.ndarray) -> float:
    """Algorithm 1: the share of ``one`` in the shortest vector between two."""
    if one @ other >= one @ one:
        return 1.0
    if one @ other >= other @ other:
        return 0.0
    return float((other - one) @ other / ((one - other) @ (one - other)))


def frank_wolfe(gradients: np.ndarray, iterations: int) -> np.ndarray:
    """Algorithm 2: the weights (K,) for gradients (K, D) after so many iterations."""
    tasks = len(gradients)
    alpha = np.full(tasks, 1 / tasks)
    products = gradients @ gradients.T
    for _ in range(iterations):
        best = int(np.argmin(products @ alpha))
        gamma = between_two(gradients[best], alpha @ gradients)
        alpha = (1 - gamma) * alpha
        alpha[best] += gamma
    return alpha
