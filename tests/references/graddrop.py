"""GradDrop word for word from Algorithm 1 of Chen et al., NeurIPS 2020, one element at a time."""

from collections.abc import Sequence

import numpy as np


def graddrop(gradients: np.ndarray, uniform: np.ndarray, leaks: Sequence[float]) -> np.ndarray:
    """The update (D,) for gradients (K, D) when the random numbers are ``uniform`` (D,)."""
    tasks, elements = gradients.shape
    update = np.zeros(elements)
    for d in range(elements):
        magnitudes = sum(abs(gradients[i, d]) for i in range(tasks))
        if magnitudes == 0:
            continue
        purity = 0.5 * (1 + sum(gradients[i, d] for i in range(tasks)) / magnitudes)
        for i in range(tasks):
            positive = purity > uniform[d] and gradients[i, d] > 0
            negative = purity < uniform[d] and gradients[i, d] < 0
            mask = 1.0 if positive or negative else 0.0
            update[d] += (leaks[i] + (1 - leaks[i]) * mask) * gradients[i, d]
    return update
