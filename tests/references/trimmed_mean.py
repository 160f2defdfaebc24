"""The coordinate-wise trimmed mean of Yin et al., ICML 2018, one coordinate at a time."""

import numpy as np


def trimmed_mean(gradients: np.ndarray, trimmed: int) -> np.ndarray:
    """The mean (D,) of gradients (K, D) without the ``trimmed`` largest and smallest values of each coordinate."""
    update = []
    for column in gradients.T:
        kept = list(column)
        for _ in range(trimmed):
            kept.remove(max(kept))
            kept.remove(min(kept))
        update.append(sum(kept) / len(kept))
    return np.array(update)
