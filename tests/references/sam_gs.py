"""SAM-GS as in the official code of Borsani et al., 2025, on explicit gradients."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np


def sam_gs(run: Iterable[np.ndarray], beta_1: float, beta_2: float, gamma: float) -> Iterator[tuple[bool, np.ndarray]]:
    """Whether the gradients were equalised, and the update (D,), for every step of a run of gradients (K, D)."""
    averages, spread = 0.0, 0.0
    for step, gradients in enumerate(run, start=1):
        norms = [float(np.linalg.norm(gradient)) for gradient in gradients]
        similarity = float(np.mean([2 * a * b / (a**2 + b**2) for a, b in combinations(norms, 2)]))
        averages = beta_1 * averages + (1 - beta_1) * gradients
        spread = beta_2 * spread + (1 - beta_2) * (1 - similarity) ** 2 + 1e-8
        unbiased, spread_unbiased = averages / (1 - beta_1**step), spread / (1 - beta_2**step)
        if similarity < gamma:
            yield True, np.sum([np.mean(norms) * gradients[i] / norms[i] for i in range(len(norms))], axis=0)
        else:
            factors = np.abs(unbiased) / np.sqrt(spread_unbiased)
            yield False, np.sum([gradients[i] * factors[i] for i in range(len(norms))], axis=0)
