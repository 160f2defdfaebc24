"""SLAW word for word from Crawshaw and Košecká, 2021, in exact arithmetic up to the square root."""

from fractions import Fraction
from math import sqrt

import numpy as np


def slaw(history: np.ndarray, beta: float) -> np.ndarray:
    """The weights (S, K) in every step for losses (S, K); the averages are plain means while these know less."""
    keep = Fraction(beta)
    tasks = history.shape[1]
    a, b = [Fraction(0)] * tasks, [Fraction(0)] * tasks
    weights = []
    for t, losses in enumerate(history, start=1):
        kept = min(keep, Fraction(t - 1, t))
        a = [kept * a[i] + (1 - kept) * Fraction(losses[i]) ** 2 for i in range(tasks)]
        b = [kept * b[i] + (1 - kept) * Fraction(losses[i]) for i in range(tasks)]
        s = [sqrt(a[i] - b[i] ** 2) for i in range(tasks)]
        weights.append([1.0] * tasks if t == 1 else [tasks / s[i] / sum(1 / x for x in s) for i in range(tasks)])
    return np.array(weights)
