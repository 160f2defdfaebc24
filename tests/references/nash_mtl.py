"""Nash-MTL's bargaining game as Section 3.1 of Navon et al., ICML 2022, states it, solved in the space of updates."""

import numpy as np
from scipy.optimize import minimize


def agreement(gradients: np.ndarray) -> np.ndarray:
    """The update (D,) of length 1 with the largest sum of logarithms of gains, for independent gradients (K, D)."""
    start = np.linalg.pinv(gradients) @ np.linalg.norm(gradients, axis=1)
    with np.errstate(invalid="ignore"):  # a trial step may leave the updates that all gain from
        optimum = minimize(
            lambda update: -np.log(gradients @ update).sum(),
            start / np.linalg.norm(start),
            jac=lambda update: -(1 / (gradients @ update)) @ gradients,
            method="SLSQP",
            constraints={"type": "ineq", "fun": lambda update: 1 - update @ update, "jac": lambda update: -2 * update},
            options={"ftol": 1e-15, "maxiter": 1000},
        )
    return optimum.x


def weights(gradients: np.ndarray) -> np.ndarray:
    """The weights (K,) that belong to the agreement, up to scaling: the reciprocals of the gains."""
    return 1 / (gradients @ agreement(gradients))
