"""FAMO word for word from Algorithm 1 of Liu et al., NeurIPS 2023."""

from collections.abc import Sequence

import numpy as np


def famo(before: Sequence[np.ndarray], after: Sequence[np.ndarray], beta: float, gamma: float) -> np.ndarray:
    """The weights (S, K) in every step, for the losses (S, K) before and after the steps."""
    tasks = len(before[0])
    xi = np.zeros(tasks)
    weights = []
    for losses, following in zip(before, after, strict=True):
        z = np.exp(xi) / np.exp(xi).sum()
        c = 1 / sum(z[i] / losses[i] for i in range(tasks))
        weights.append([c * z[i] / losses[i] for i in range(tasks)])
        slopes = np.array([[z[i] * ((i == j) - z[j]) for j in range(tasks)] for i in range(tasks)])  # of z[i] in xi[j]
        delta = slopes.T @ (np.log(losses) - np.log(following))
        xi = xi - beta * (delta + gamma * xi)
    return np.array(weights)
