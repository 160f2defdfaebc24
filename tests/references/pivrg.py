"""PIVRG as the official code of Qin et al., CVPR 2025, runs it: importances from scores, weights by least squares."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import least_squares


def percent_worse(values: Sequence[float], baselines: Sequence[float], higher_is_better: Sequence[bool]) -> np.ndarray:
    """How many percent every metric (K,) is worse than its baseline: what the official code calls scores."""
    sign = np.where(higher_is_better, 1, 0)
    value, baseline = np.array(values), np.array(baselines)
    return (-np.ones(len(value))) ** sign * (value - baseline) / baseline * 100.0


def importance(worse: np.ndarray, bound: float, min_temperature: float) -> np.ndarray:
    """The importance (K,) of every task, for scores (K,) of which higher ones are worse."""
    temperature = max((np.max(worse) - np.min(worse)) / np.log(bound), min_temperature)
    powers = np.exp((worse - np.max(worse)) / temperature)
    return len(worse) * powers / powers.sum()


def pivrg(gradients: np.ndarray, important: np.ndarray) -> np.ndarray:
    """The weights (K,) for gradients (K, D), whose norms should not be far from 1."""
    gramian = gradients @ gradients.T

    def mismatch(weights: np.ndarray) -> np.ndarray:
        return gramian @ weights - (important / weights) ** 0.5

    start = np.ones(len(gradients)) / len(gradients)
    return least_squares(mismatch, start, bounds=(0, np.inf), xtol=1e-15, ftol=1e-15, gtol=1e-15).x
