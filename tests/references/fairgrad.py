"""FairGrad's weights by bounded least squares, as the official code of Ban and Ji, ICML 2024, finds them."""

import numpy as np
from scipy.optimize import least_squares


def fairgrad(gradients: np.ndarray, alpha: float) -> np.ndarray:
    """The weights (K,) for gradients (K, D), whose norms should not be far from 1."""
    gramian = gradients @ gradients.T

    def mismatch(weights: np.ndarray) -> np.ndarray:
        return gramian @ weights - (1 / weights) ** (1 / alpha)

    tasks = len(gradients)
    start = np.ones(tasks) / tasks
    return least_squares(mismatch, start, bounds=(0, np.inf), xtol=1e-15, ftol=1e-15, gtol=1e-15).x
