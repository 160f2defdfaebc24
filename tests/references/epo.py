"""The weights of EPO from the linear programmes of the official code of Mahapatra and Rajan, ICML 2020, by SciPy."""

import numpy as np
from scipy.optimize import linprog


def non_uniformity(losses: np.ndarray, preference: np.ndarray) -> float:
    """The divergence of the shares of the preferred losses from equal ones."""
    shares = preference * losses / np.sum(preference * losses)
    return float(np.sum([share * np.log(share * len(losses)) for share in shares]))


def epo(gradients: np.ndarray, losses: np.ndarray, preference: np.ndarray, tolerance: float) -> np.ndarray | None:
    """The weights (K,) on the simplex; none where the programme has no solution."""
    tasks = len(losses)
    gramian = gradients @ gradients.T
    uneven = non_uniformity(losses, preference)
    weighted = preference * losses
    slope = np.array([preference[i] * (np.log(weighted[i] / weighted.sum() * tasks) - uneven) for i in range(tasks)])
    along = gramian @ slope
    bounds: list[tuple[np.ndarray, float]] = []  # every row times the weights is at least the number
    if uneven > tolerance:
        gains = along
        for j in range(tasks):
            if not (along > 0).any() or weighted[j] == weighted.max():
                bounds.append((gramian[j], 0.0))
            elif along[j] <= 0:
                bounds.append((gramian[j], along[j]))
    else:
        gains = gramian.sum(axis=0)
        bounds = [(gramian[j], 0.0) for j in range(tasks)]
        bounds.append((along, min(along.max(), 0.0)))
    scales = [np.abs(row).max() or 1.0 for row, _ in bounds]
    solution = linprog(
        -gains / np.abs(gains).max(),
        A_ub=[-row / scale for (row, _), scale in zip(bounds, scales, strict=True)],
        b_ub=[-number / scale for (_, number), scale in zip(bounds, scales, strict=True)],
        A_eq=np.ones((1, tasks)),
        b_eq=[1.0],
        bounds=(0, None),
    )
    return solution.x if solution.status == 0 else None
