"""DualProj: the mean gradient in the place of the new task's, projected as by Lopez-Paz and Ranzato, NeurIPS 2017."""

import numpy as np

from tests.references.upgrad import projection


def dualproj(gradients: np.ndarray) -> np.ndarray:
    """The update (D,) for gradients (K, D)."""
    return projection(gradients.mean(axis=0), gradients)
