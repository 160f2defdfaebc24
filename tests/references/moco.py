"""MoCo from Algorithm 1 of Fernando et al., ICLR 2023, with decaying step sizes, on explicit gradients."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tests.references.simplex import projection


class Rates(NamedTuple):
    beta: float
    beta_sigma: float
    gamma: float
    gamma_sigma: float
    rho: float


def moco(run: Iterable[np.ndarray], rates: Rates) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The weights (K,) and the update (D,) of every step of a run of gradients (K, D)."""
    averages, weights = None, None
    for step, gradients in enumerate(run, start=1):
        tasks, elements = gradients.shape
        if averages is None or weights is None:
            averages, weights = np.zeros((tasks, elements)), np.full(tasks, 1 / tasks)
        for i in range(tasks):
            averages[i] = averages[i] - rates.beta / step**rates.beta_sigma * (averages[i] - gradients[i])
        matrix = averages @ averages.T + rates.rho * np.eye(tasks)
        weights = projection(weights - rates.gamma / step**rates.gamma_sigma * matrix @ weights)
        yield weights, np.sum([weights[i] * averages[i] for i in range(tasks)], axis=0)


def official_moco(
    run: Iterable[tuple[np.ndarray, np.ndarray]], rates: Rates
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same as in the authors' code: gradients as long as losses, and a softmax; for a run of both."""
    averages, weights = None, None
    for step, (gradients, losses) in enumerate(run, start=1):
        tasks, elements = gradients.shape
        if averages is None or weights is None:
            averages, weights = np.zeros((tasks, elements)), np.full(tasks, 1 / tasks)
        scaled = np.array([losses[i] * gradients[i] / np.linalg.norm(gradients[i]) for i in range(tasks)])
        averages = averages - rates.beta / step**rates.beta_sigma * (averages - scaled)
        matrix = averages @ averages.T + rates.rho * np.eye(tasks)
        moved = np.exp(weights - rates.gamma / step**rates.gamma_sigma * matrix @ weights)
        weights = moved / moved.sum()
        yield weights, weights @ averages
