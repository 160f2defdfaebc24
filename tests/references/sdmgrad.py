"""SDMGrad's weights from Algorithm 1 of Xiao et al., NeurIPS 2023, with the inner optimizer of the experiments."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tests.references.simplex import projection


class Inner(NamedTuple):
    iterations: int
    learning_rate: float
    momentum: float


def sdmgrad(run: Iterable[tuple[np.ndarray, np.ndarray]], lambda_: float, inner: Inner) -> Iterator[np.ndarray]:
    """The weights (K,) of every step of a run of pairs of gradients (K, D)."""
    weights = None
    for first, second in run:
        tasks = len(first)
        if weights is None:
            weights = np.full(tasks, 1 / tasks)
        scale = sum(np.sqrt(max(first[i] @ second[i], 0)) for i in range(tasks)) / tasks
        mean = second.mean(axis=0)
        velocity = np.zeros(tasks)
        for _ in range(inner.iterations):
            direction = weights @ second + lambda_ * mean
            slope = np.array([first[i] @ direction for i in range(tasks)]) / scale**2
            velocity = inner.momentum * velocity + slope
            weights = projection(weights - inner.learning_rate * velocity)
        yield np.array([(weights[i] + lambda_ / tasks) / (1 + lambda_) for i in range(tasks)])
