"""UPGrad from Equations 3 and 4 of Quinton and Rey, 2024, with explicit vectors and one projection at a time."""

import numpy as np
from scipy.optimize import nnls


def projection(vector: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """The nearest vector (D,) that conflicts with no gradient: what is left when the nearest of the polar cone goes."""
    norms = np.linalg.norm(gradients, axis=1)
    directions = gradients[norms > 0] / norms[norms > 0, None]
    if len(directions) == 0:
        return vector
    opposed, _ = nnls(-directions.T, vector, maxiter=100 * len(directions))
    return vector + opposed @ directions


def upgrad(gradients: np.ndarray) -> np.ndarray:
    """The update (D,) for gradients (K, D)."""
    return np.mean([projection(gradient, gradients) for gradient in gradients], axis=0)
