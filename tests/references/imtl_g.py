"""IMTL-G's closed form from Liu et al., ICLR 2021, on explicit gradients, with the first task as the base."""

import numpy as np


def imtl_g(gradients: np.ndarray) -> np.ndarray:
    """The weights (K,) for gradients (K, D) whose differences of unit vectors are linearly independent."""
    units = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    differences = gradients[0] - gradients[1:]
    directions = units[0] - units[1:]
    others = gradients[0] @ directions.T @ np.linalg.inv(differences @ directions.T)
    return np.concatenate([[1 - others.sum()], others])
