"""Task gradients of known kind, float64, to try methods on."""

from collections.abc import Callable

import torch
from torch import Tensor

from balancers import Draws, Evidence, Sizes, Weighting
from balancers.conformance.problems import evidence_of
from balancers.contract.evidence import as_answer


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def regular(tasks: int, dimension: int, seed: int) -> Tensor:
    """Full rank if the dimension allows it; not stationary as a rule."""
    return torch.randn(tasks, dimension, generator=generator(seed), dtype=torch.float64)


def deficient(tasks: int, dimension: int, seed: int) -> Tensor:
    """Rank about half of what it could be."""
    rank = max(1, min(tasks, dimension) // 2)
    return regular(tasks, rank, seed) @ regular(rank, dimension, seed + 1)


def spread(tasks: int, dimension: int, seed: int) -> Tensor:
    """Norms over six decades."""
    exponents = 6 * torch.rand(tasks, 1, generator=generator(seed), dtype=torch.float64) - 3
    return regular(tasks, dimension, seed + 1) * 10**exponents


def strongly_stationary(tasks: int, dimension: int, seed: int) -> Tensor:
    """A combination of all rows with positive weights is zero."""
    rows = regular(tasks, dimension, seed)
    shares = torch.rand(tasks, 1, generator=generator(seed + 1), dtype=torch.float64) + 0.1
    return rows - (shares * rows).sum(0) / shares.sum()


def weakly_stationary(tasks: int, dimension: int, seed: int) -> Tensor:
    """A combination of some rows with positive weights is zero, but not of all."""
    rows = regular(tasks, dimension, seed)
    half = max(2, tasks // 2) if tasks > 1 else 1
    rows[:half] = strongly_stationary(half, dimension, seed)
    return rows


def friendly(tasks: int, dimension: int, seed: int) -> Tensor:
    """No two gradients conflict."""
    return regular(tasks, dimension, seed).abs()


KINDS: dict[str, Callable[[int, int, int], Tensor]] = {
    "regular": regular,
    "deficient": deficient,
    "spread": spread,
    "strongly stationary": strongly_stationary,
    "weakly stationary": weakly_stationary,
    "friendly": friendly,
}


def evidence_from(rows: Tensor, losses: Tensor | None = None) -> Evidence:
    """What a method sees of these gradients; losses are 1 unless given."""
    return evidence_of(rows, torch.ones(rows.shape[:-1], dtype=torch.float64) if losses is None else losses)


def first_weights(weighting: Weighting, rows: Tensor, losses: Tensor | None = None) -> Tensor:
    """The weights of a fresh method in its first step."""
    shown = evidence_from(rows, losses)
    state = weighting.init(Sizes(rows.shape[-2], rows.shape[-1], tuple(rows.shape[:-2]), rows.dtype))
    answer, _ = weighting.update(shown, state, Draws.seeded(0, rows.shape[:-2]))
    return as_answer(answer).weights
