"""Random problems for the checks, and the words in which a check complains."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from balancers.base import Draws, Evidence, Weighting
from balancers.gradients import gramian_of

TASK_COUNTS = (1, 2, 3, 7)
DIMENSION = 12  # of the gradients in the problems below
STEPS = 4  # enough for a method with memory to show it
TOLERANCE = 1e-6  # relative, for identities that hold up to rounding


class Violation(AssertionError):  # noqa: N818 - it is no error of the program
    """A method does not do what every method must."""


def require(condition: bool | Tensor, message: str) -> None:
    """Complain with `Violation` unless the condition holds."""
    if not bool(condition):
        raise Violation(message)


def evidence(jacobian: Tensor, losses: Tensor) -> Evidence:
    """What a method would see of these gradients, shape (*B, K, D), and losses."""
    return Evidence(losses, gramian_of(jacobian), jacobian)


def problems(tasks: int, scale: float = 1.0, batch: tuple[int, ...] = (), seed: int = 0) -> list[Evidence]:
    """A short run: random gradients of the given scale, and positive losses of that scale."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(STEPS):
        jacobian = torch.randn(*batch, tasks, DIMENSION, generator=generator, dtype=torch.float64)
        losses = torch.rand(*batch, tasks, generator=generator, dtype=torch.float64) + 0.1
        found.append(evidence(scale * jacobian, scale * losses))
    return found


def play(weighting: Weighting, run: list[Evidence], draws: Draws) -> Iterator[tuple[Tensor, tuple]]:
    """The weights and the state after every step of a run."""
    state = weighting.init(run[0].losses)
    for seen in run:
        weights, state = weighting.update(seen, state, draws)
        yield weights, state


def all_weights(weighting: Weighting, run: list[Evidence], seed: int = 0) -> list[Tensor]:
    """The weights of every step of a run; replicas have the seeds that follow ``seed``."""
    return [weights for weights, _ in play(weighting, run, Draws.seeded(seed, run[0].losses.shape[:-1]))]


def require_finite(weighting: Weighting, run: list[Evidence], where: str) -> None:
    """Complain if a weight of the run is NaN or infinite."""
    for step, weights in enumerate(all_weights(weighting, run)):
        require(weights.isfinite().all(), f"{where}, step {step}: weights are {weights.tolist()}")


def require_close(got: Tensor, want: Tensor, where: str) -> None:
    """Complain if two tensors differ by more than rounding of their largest element."""
    size = want.abs().max().clamp(min=torch.finfo(want.dtype).tiny)
    require(((got - want).abs() <= TOLERANCE * size).all(), f"{where}: expected {want.tolist()}, got {got.tolist()}")
