"""CAGrad's update from Algorithm 1 of Liu et al., NeurIPS 2021, with the solver of the official code."""

import numpy as np
from scipy.optimize import minimize


def dual(shares: np.ndarray, gradients: np.ndarray, c: float) -> float:
    """F(w) for w on the simplex: no update in the ball has a larger minimum of the inner products."""
    mean = gradients.mean(axis=0)
    combined = shares @ gradients
    return float(combined @ mean + c * np.linalg.norm(mean) * np.linalg.norm(combined))


def cagrad(gradients: np.ndarray, c: float) -> np.ndarray:
    """The update (D,) for gradients (K, D)."""
    tasks = len(gradients)
    optimum = minimize(
        lambda shares: dual(shares, gradients, c),
        np.full(tasks, 1 / tasks),
        method="SLSQP",
        bounds=[(0, 1)] * tasks,
        constraints={"type": "eq", "fun": lambda shares: 1 - shares.sum()},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    mean, combined = gradients.mean(axis=0), optimum.x @ gradients
    return mean + c * np.linalg.norm(mean) / np.linalg.norm(combined) * combined
