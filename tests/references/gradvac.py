"""GradVac word for word from Algorithm 1 of Wang et al., ICLR 2021, on explicit gradients."""

from collections.abc import Sequence

import numpy as np


def gradvac(
    gradients: np.ndarray, targets: np.ndarray, orders: Sequence[Sequence[int]], beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """The update (D,) when task i visits the others in the order ``orders[i]``, and the next targets (K, K)."""
    changed, targets = gradients.copy(), targets.copy()
    for i in range(len(gradients)):
        for j in orders[i]:
            if j == i:
                continue
            own, other, target = np.linalg.norm(changed[i]), np.linalg.norm(gradients[j]), targets[i, j]
            cosine = changed[i] @ gradients[j] / (own * other)
            if cosine < target:
                numerator = own * (target * np.sqrt(1 - cosine**2) - cosine * np.sqrt(1 - target**2))
                changed[i] = changed[i] + numerator / (other * np.sqrt(1 - target**2)) * gradients[j]
            targets[i, j] = (1 - beta) * target + beta * cosine
    return changed.sum(axis=0), targets
