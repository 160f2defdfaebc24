"""PCGrad word for word from Algorithm 1 of Yu et al., NeurIPS 2020, on explicit gradient vectors."""

from collections.abc import Sequence

import numpy as np


def pcgrad(gradients: np.ndarray, orders: Sequence[Sequence[int]]) -> np.ndarray:
    """The update (D,) for gradients (K, D) when task i visits the others in the order ``orders[i]``."""
    projected = gradients.copy()
    for i in range(len(gradients)):
        for j in orders[i]:
            if j == i:
                continue
            inner = projected[i] @ gradients[j]
            if inner < 0:
                projected[i] = projected[i] - inner / np.linalg.norm(gradients[j]) ** 2 * gradients[j]
    return projected.sum(axis=0)
