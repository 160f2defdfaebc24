"""ExcessMTL's weights from Equations 6, 7 and 9 of He et al., ICML 2024, on explicit gradients."""

from collections.abc import Iterable, Iterator

import numpy as np


def excess_mtl(run: Iterable[np.ndarray], eta: float, warmup: int, added: float = 0.0) -> Iterator[np.ndarray]:
    """The weights (K,) of every step of a run of gradients (K, D); ``added`` to S is 1e-7 in the authors' code."""
    sums, weights, measured = None, None, []
    for gradients in run:
        tasks = len(gradients)
        if sums is None or weights is None:
            sums, weights = np.zeros_like(gradients), np.full(tasks, 1 / tasks)
        sums = sums + gradients**2
        excess = np.zeros(tasks)
        for i in range(tasks):
            hessian = np.diag(np.sqrt(sums[i] + added))
            excess[i] = gradients[i] @ np.linalg.inv(hessian) @ gradients[i]
        if len(measured) < warmup:
            measured.append(excess)
        else:
            weights = weights * np.exp(eta * excess / np.mean(measured, axis=0))
            weights = weights / weights.sum()
        yield weights
