"""Methods that see only losses, shown one loss vector after the other."""

from collections.abc import Iterable

import torch
from torch import Tensor

from balancers import Draws, Evidence, Sizes, Weighting
from balancers.contract.evidence import as_answer
from balancers.contract.weighting import State


def losses_like(steps: int, tasks: int, seed: int) -> Tensor:
    """Positive losses over two decades, one row per step."""
    generator = torch.Generator().manual_seed(seed)
    return 10 ** (2 * torch.rand(steps, tasks, generator=generator, dtype=torch.float64) - 1)


def weights_over(weighting: Weighting[State], history: Iterable[Tensor]) -> Tensor:
    """The weights of every step, one row each."""
    rows = list(history)
    state = weighting.init(Sizes(rows[0].shape[-1]))
    draws = Draws.seeded(0)
    weights = []
    for losses in rows:
        answer, state = weighting.update(Evidence(losses), state, draws)
        weights.append(as_answer(answer).weights)
    return torch.stack(weights)


def weights_at(weighting: Weighting, losses: Tensor) -> Tensor:
    """The weights of the first step."""
    return weights_over(weighting, [losses])[0]
