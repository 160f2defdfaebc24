"""M-ConFIG as in the momentum operator of the official code of Liu et al., ICLR 2025, on explicit gradients."""

from collections.abc import Iterable, Iterator

import numpy as np


def config(vectors: np.ndarray) -> np.ndarray:
    """ConFIG of vectors (K, D): Equation 2, by the pseudo-inverse."""
    units = np.array([vector / np.linalg.norm(vector) for vector in vectors])
    direction = np.linalg.pinv(units) @ np.ones(len(vectors))
    direction = direction / np.linalg.norm(direction)
    return sum(vector @ direction for vector in vectors) * direction


def m_config(run: Iterable[np.ndarray], beta_1: float, beta_2: float, updates: int) -> Iterator[np.ndarray]:
    """The update (D,) of every step of a run of gradients (K, D).

    All averages are renewed in the first step, and ``updates`` of them, in turn, in each of the others.
    """
    averages, counts, start = None, None, 0
    square = previous = np.zeros(())
    for steps, gradients in enumerate(run, start=1):
        tasks, elements = gradients.shape
        if averages is None or counts is None:
            averages, counts = np.zeros((tasks, elements)), np.zeros(tasks)
            square, previous = np.zeros(elements), np.zeros(elements)
        for i in range(tasks) if steps == 1 else [(start + offset) % tasks for offset in range(updates)]:
            averages[i] = beta_1 * averages[i] + (1 - beta_1) * gradients[i]
            counts[i] += 1
        start = 0 if steps == 1 else (start + updates) % tasks
        direction = config(np.array([averages[i] / (1 - beta_1 ** counts[i]) for i in range(tasks)]))
        biased = direction * (1 - beta_1**steps)
        pseudo = (biased - beta_1 * previous) / (1 - beta_1)
        previous = biased
        square = beta_2 * square + (1 - beta_2) * pseudo**2
        yield direction / np.sqrt(square / (1 - beta_2**steps))
