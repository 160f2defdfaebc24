"""DB-MTL from Lin et al., Neural Networks 2025 (arXiv 2308.12029), on explicit gradients, losses and steps."""

from collections.abc import Iterable, Iterator

import numpy as np


def db_mtl(run: Iterable[tuple[np.ndarray, np.ndarray]], beta: float, beta_sigma: float) -> Iterator[np.ndarray]:
    """The update (D,) of every step of a run of gradients (K, D) and losses (K,)."""
    averages = None
    for step, (gradients, losses) in enumerate(run, start=1):
        tasks = len(losses)
        of_logarithms = np.array([gradients[i] / losses[i] for i in range(tasks)])
        if averages is None:
            averages = np.zeros_like(of_logarithms)
        share = beta / step**beta_sigma
        averages = share * averages + (1 - share) * of_logarithms
        lengths = [np.linalg.norm(averages[i]) for i in range(tasks)]
        yield np.sum([max(lengths) / lengths[i] * averages[i] for i in range(tasks)], axis=0)
