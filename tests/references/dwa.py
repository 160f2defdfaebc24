"""Dynamic weight average word for word from Equation 7 of Liu et al., CVPR 2019, epoch by epoch."""

import math

import numpy as np


def dwa(epochs: np.ndarray, temperature: float) -> np.ndarray:
    """The weights (E, K) in every epoch, for losses (E, S, K) of S steps each."""
    tasks = epochs.shape[2]
    means = [[sum(epoch[:, k]) / len(epoch) for k in range(tasks)] for epoch in epochs]
    weights = []
    for t in range(len(epochs)):
        w = [1.0 if t < 2 else means[t - 1][k] / means[t - 2][k] for k in range(tasks)]
        total = sum(math.exp(w[i] / temperature) for i in range(tasks))
        weights.append([tasks * math.exp(w[k] / temperature) / total for k in range(tasks)])
    return np.array(weights)
