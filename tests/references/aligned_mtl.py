"""Aligned-MTL from Senushkin et al., CVPR 2023, as the orthogonal Procrustes problem, on explicit gradients."""

from collections.abc import Callable

import numpy as np

LENGTHS: dict[str, Callable[[np.ndarray], float]] = {
    "min": lambda singular: singular[-1],
    "median": lambda singular: singular[len(singular) // 2],  # the lower one of two in the middle
    "rmse": lambda singular: np.sqrt(np.mean(singular**2)),
}


def aligned(gradients: np.ndarray, scale: str) -> np.ndarray:
    """The aligned gradients (K, D): all singular values that are not zero are replaced by one of them, or a mean."""
    left, singular, right = np.linalg.svd(gradients, full_matrices=False)
    rank = int((singular > 1e-10 * singular[0]).sum())
    return LENGTHS[scale](singular[:rank]) * left[:, :rank] @ right[:rank]
