"""Which replicas broke, found without waiting for the device and told as a balancer would tell it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers import Evidence
from balancers.step import guards
from benchmarks.training.engines.engine import Fault
from benchmarks.training.engines.replicas.team import Mixed

SOUND, LOSS, BELOW, GRADIENT, WEIGHT = range(5)


class Faults:
    """The first fault of every replica.

    Args:
        tasks: names of the tasks.
        methods: the name of every replica's method.
        positive: whether it takes no loss below 0.
        bounds: lower bounds of the losses (K,).
    """

    def __init__(
        self, tasks: Sequence[str], methods: Sequence[str], positive: Sequence[bool], bounds: Float[Tensor, "K"]
    ) -> None:
        self._tasks, self._methods, self._bounds = list(tasks), list(methods), bounds
        self._positive = torch.tensor(positive, device=bounds.device)
        self._kind = torch.zeros(len(methods), dtype=torch.int64, device=bounds.device)
        self._step = torch.zeros_like(self._kind)
        self._values = torch.zeros(len(methods), len(tasks), dtype=torch.float64, device=bounds.device)

    def sound(self, seen: Evidence, step: int) -> Bool[Tensor, "R"]:
        """Whether what a replica shows is fit to go on with; notes the faults of the others."""
        self._note(LOSS, ~seen.losses.isfinite().all(-1), step, seen.losses + self._bounds)
        self._note(BELOW, self._positive & (seen.losses < 0).any(-1), step, seen.losses + self._bounds)
        sizes = _sizes(seen)
        if sizes is not None:
            self._note(GRADIENT, ~sizes.isfinite().all(-1), step, sizes)
        return self._kind == SOUND

    def check(self, mixed: Mixed, step: int) -> None:
        """Note answers that are not finite."""
        fine = mixed.weights.isfinite().all(-1) & mixed.heads.isfinite().all(-1)
        self._note(WEIGHT, ~fine, step, mixed.weights)

    def _note(self, kind: int, broken: Bool[Tensor, "R"], step: int, values: Float[Tensor, "R K"]) -> None:
        fresh = broken & (self._kind == SOUND)
        self._kind = torch.where(fresh, kind, self._kind)
        self._step = torch.where(fresh, step, self._step)
        self._values = torch.where(fresh[:, None], values.double(), self._values)

    def told(self) -> dict[int, Fault]:
        """The faults so far, by replica."""
        kinds = self._kind.tolist()
        return {replica: self._tell(replica, kind) for replica, kind in enumerate(kinds) if kind != SOUND}

    def _tell(self, replica: int, kind: int) -> Fault:
        values, method = self._values[replica].cpu(), self._methods[replica]
        try:
            if kind == LOSS:
                guards.require_finite_losses(values, self._tasks)
            elif kind == BELOW:
                guards.require_bounded_losses(values, values - self._bounds.cpu(), self._tasks, method)
            elif kind == GRADIENT:
                guards.require_finite_gradients(Evidence(values, values.diag_embed()), self._tasks)
            else:
                guards.require_finite_answer(guards.Answer(values), method)
        except guards.NonFiniteError as error:
            return Fault(int(self._step[replica]), "diverged", str(error))
        except ValueError as error:
            return Fault(int(self._step[replica]), "failed", f"{type(error).__name__}: {error}")
        raise AssertionError(f"replica {replica} was stopped without a reason")


def _sizes(seen: Evidence) -> Tensor | None:
    """Something per task that is finite if, and only if, what was measured of its gradient is."""
    found = None
    if seen.measured_gramian is not None:
        found = seen.gramian.diagonal(dim1=-2, dim2=-1)
    elif seen.measured_gradients is not None:
        found = torch.where(seen.gradients.isfinite().all(-1), 0.0, torch.nan)
    if seen.measured_cross_gramian is not None:
        crossed = seen.cross_gramian
        fine = crossed.isfinite().any(-1) & crossed.diagonal(dim1=-2, dim2=-1).isfinite()
        found = torch.where(fine, 0.0 if found is None else found, torch.nan)
    return found


def harmless(seen: Evidence, sound: Bool[Tensor, "R"]) -> Evidence:
    """The evidence with that of broken replicas replaced by something that every method can look at."""
    eye = torch.eye(seen.losses.shape[-1], dtype=seen.losses.dtype, device=seen.losses.device)

    def where(value: Tensor | None, instead: Tensor | float) -> Tensor | None:
        return None if value is None else torch.where(sound.view(-1, *[1] * (value.dim() - 1)), value, instead)

    losses = where(seen.losses, 1.0)
    assert losses is not None, "losses are always there"
    return Evidence(
        losses,
        where(seen.measured_gramian, eye),
        where(seen.measured_gradients, 0.0),
        where(seen.measured_cross_gramian, eye),
    )
