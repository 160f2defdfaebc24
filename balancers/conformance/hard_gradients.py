"""Gradients that are hard to balance: they cancel, depend on each other, or differ in length by orders of magnitude.

Each kind is a function of the number of tasks and a random generator, with rows (K, D) in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from balancers.conformance.problems import DIMENSION, STEPS, evidence_of
from balancers.contract.weighting import Evidence

DECADES = 8  # on either side of 1, over which lengths of gradients are spread
NEARLY = 1e-4  # distance from a stationary point that single precision shows
BARELY = 1e-8  # distance from a stationary point that single precision hides

Kind = Callable[[int, Generator], Float[Tensor, "K D"]]


def random(tasks: int, generator: Generator) -> Float[Tensor, "K D"]:
    """Full rank if there are no more tasks than dimensions, and as a rule not stationary then.

    Example:
        >>> import torch
        >>> from balancers.conformance.hard_gradients import random
        >>> random(3, torch.Generator().manual_seed(0)).shape
        torch.Size([3, 12])
    """
    return torch.randn(tasks, DIMENSION, generator=generator, dtype=torch.float64)


def strongly_stationary(tasks: int, generator: Generator) -> Float[Tensor, "K D"]:
    """A combination of all gradients with positive weights is zero, and the last coordinate of each is.

    Example:
        >>> import torch
        >>> from balancers.conformance.hard_gradients import strongly_stationary
        >>> bool(strongly_stationary(2, torch.Generator().manual_seed(0)).prod(0).max() <= 0)  # they are opposite
        True
    """
    return _orthogonal_to(_positive(tasks, generator), _flat(tasks, generator))


def weakly_stationary(tasks: int, generator: Generator) -> Float[Tensor, "K D"]:
    """A combination of half of the gradients with positive weights is zero; the others have a positive last coordinate.

    Example:
        >>> import torch
        >>> from balancers.conformance.hard_gradients import weakly_stationary
        >>> (weakly_stationary(3, torch.Generator().manual_seed(0))[:, -1] > 0).tolist()
        [False, False, True]
    """
    half = max(2, (tasks + 1) // 2)
    first = strongly_stationary(half, generator)
    others = _flat(tasks - half, generator)
    others[:, -1] = _positive(tasks - half, generator)
    return torch.cat([first, others])


def _nearly(distance: float) -> Kind:
    def nearly_stationary(tasks: int, generator: Generator) -> Tensor:
        rows = strongly_stationary(tasks, generator)
        rows[:, -1] = distance * _positive(tasks, generator)
        return rows

    return nearly_stationary


def _deficient(tasks: int, generator: Generator) -> Tensor:
    rank = max(1, min(tasks, DIMENSION) // 2)
    return _normal(tasks, rank, generator) @ _normal(rank, DIMENSION, generator)


def _with_first(like_last: float) -> Kind:
    def changed(tasks: int, generator: Generator) -> Tensor:
        rows = random(tasks, generator)
        return torch.cat([like_last * rows[-1:], rows[1:]])

    return changed


def _spread(kind: Kind) -> Kind:
    def spread(tasks: int, generator: Generator) -> Tensor:
        exponents = torch.linspace(-DECADES, DECADES, tasks, dtype=torch.float64)
        return kind(tasks, generator) * 10 ** exponents[:, None]

    return spread


SINGLE: dict[str, Kind] = {"random": random}
SEVERAL: dict[str, Kind] = {
    "random": random,
    "strongly stationary": strongly_stationary,
    "weakly stationary": weakly_stationary,
    "nearly stationary": _nearly(NEARLY),
    "barely not stationary": _nearly(BARELY),
    "rank-deficient": _deficient,
    "two equal": _with_first(1.0),
    "two opposite": _with_first(-1.0),
    "two nearly opposite": _with_first(-1.0 + 1e-9),
    "lengths far apart": _spread(random),
    "stationary with lengths far apart": _spread(strongly_stationary),
}


def kinds_for(tasks: int) -> dict[str, Kind]:
    """The kinds that so many tasks can have; a single gradient is of no kind but random.

    Example:
        >>> from balancers.conformance.hard_gradients import kinds_for
        >>> list(kinds_for(1)), len(kinds_for(2))
        (['random'], 11)
    """
    return SINGLE if tasks == 1 else SEVERAL


def hard_problems(tasks: int, dtype: torch.dtype, seed: int = 0) -> list[Evidence]:
    """A short run of all kinds at once: the first axis counts them. Losses are positive.

    Example:
        >>> import torch
        >>> from balancers.conformance.hard_gradients import hard_problems
        >>> run = hard_problems(3, torch.float32)
        >>> len(run), run[0].gradients.shape, run[0].gradients.dtype
        (4, torch.Size([11, 3, 12]), torch.float32)
    """
    generator = torch.Generator().manual_seed(seed)
    run = []
    for _ in range(STEPS):
        rows = torch.stack([kind(tasks, generator) for kind in kinds_for(tasks).values()])
        losses = torch.rand(rows.shape[:-1], generator=generator, dtype=torch.float64) + 0.1
        run.append(evidence_of(rows.to(dtype), losses))
    return run


def _normal(rows: int, columns: int, generator: Generator) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


def _positive(tasks: int, generator: Generator) -> Tensor:
    return _normal(tasks, 1, generator).squeeze(-1).abs() + 0.1


def _flat(tasks: int, generator: Generator) -> Tensor:
    rows = _normal(tasks, DIMENSION, generator)
    rows[:, -1] = 0
    return rows


def _orthogonal_to(weights: Tensor, rows: Tensor) -> Tensor:
    unit = weights / weights.norm()
    return rows - unit[:, None] * (unit @ rows)
