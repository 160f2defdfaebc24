"""GO4Align word for word from Equations 3 and 5 to 7 of Shen et al., NeurIPS 2024, trying every grouping."""

from itertools import product

import numpy as np


def go4align(history: np.ndarray, groups: int, beta: float) -> np.ndarray:
    """The weights (S, K) in every step for losses (S, K)."""
    tasks = history.shape[1]
    q = np.full(tasks, 1 / tasks)
    weights = []
    for losses in history:
        p = losses.mean() / losses
        q = q * np.exp(-beta * losses)
        q = q / q.sum()
        weights.append(grouped(p * q, groups))
    return np.array(weights)


def grouped(indicators: np.ndarray, groups: int) -> np.ndarray:
    """The centre of every indicator's group, in the grouping with the least sum of squared distances."""
    candidates = []
    for assignment in product(range(groups), repeat=len(indicators)):
        members = np.array(assignment)
        centres = np.array([indicators[members == group].mean() for group in members])
        candidates.append((((indicators - centres) ** 2).sum(), centres))
    return min(candidates, key=lambda candidate: candidate[0])[1]
