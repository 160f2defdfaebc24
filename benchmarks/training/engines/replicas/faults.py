"""The first fault of every replica, noted without waiting for the device, with the messages of a balancer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers import Answer, Evidence, NonFiniteError, OutOfRangeError
from balancers.step import guards
from benchmarks.training.engines.engine import Fault
from benchmarks.training.engines.replicas.team import Mixed

SOUND, LOSS, BELOW, GRADIENT, WEIGHT, UPDATE = range(6)


class Faults:
    """The first fault of every replica.

    Args:
        tasks: names of the tasks.
        methods: for every replica, the name of its method.
        positive: for every replica, whether its method takes no loss below 0.
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
        self._losses = torch.zeros_like(self._values)  # of the step with the fault

    def sound(self, evidence: Evidence, step: int) -> Bool[Tensor, "R"]:
        """Which replicas have no fault so far, this step's evidence included; notes new faults."""
        losses = evidence.losses
        self._losses = torch.where((self._kind == SOUND)[:, None], losses + self._bounds, self._losses)
        self._note(LOSS, ~losses.isfinite().all(-1), step, losses + self._bounds)
        self._note(BELOW, self._positive & (losses < 0).any(-1), step, losses + self._bounds)
        sizes = _sizes(evidence)
        if sizes is not None:
            self._note(GRADIENT, ~sizes.isfinite().all(-1), step, sizes)
        return self._kind == SOUND

    def check(self, mixed: Mixed, step: int) -> None:
        """Note the faults of replicas whose weights are not finite."""
        fine = mixed.weights.isfinite().all(-1) & mixed.heads.isfinite().all(-1)
        self._note(WEIGHT, ~fine, step, mixed.weights)

    def check_update(self, gradients: Float[Tensor, "R P"], mixed: Mixed, step: int) -> None:
        """Note the faults of replicas whose gradients are not finite once the weights are in them."""
        largest = torch.linalg.vector_norm(gradients, torch.inf, dim=-1)
        self._note(UPDATE, ~largest.isfinite(), step, mixed.weights)

    def _note(self, kind: int, broken: Bool[Tensor, "R"], step: int, values: Float[Tensor, "R K"]) -> None:
        fresh = broken & (self._kind == SOUND)
        self._kind = torch.where(fresh, kind, self._kind)
        self._step = torch.where(fresh, step, self._step)
        self._values = torch.where(fresh[:, None], values.double(), self._values)

    def by_replica(self) -> dict[int, Fault]:
        """The faults so far, by replica."""
        kinds = self._kind.tolist()
        return {replica: self._fault(replica, kind) for replica, kind in enumerate(kinds) if kind != SOUND}

    def _fault(self, replica: int, kind: int) -> Fault:
        values, method = self._values[replica].cpu(), self._methods[replica]
        try:
            if kind == LOSS:
                guards.require_finite_losses(values, self._tasks)
            elif kind == BELOW:
                guards.require_bounded_losses(
                    values, values - self._bounds.cpu(), [0.0] * len(values), self._tasks, method
                )
            elif kind == GRADIENT:
                guards.require_finite_gradients(Evidence(values, values.diag_embed()), self._tasks)
            elif kind == WEIGHT:
                losses = self._losses[replica].abs().tolist()
                guards.require_finite_answer(Answer(values), self._tasks, method, losses)
            else:
                weights = dict(zip(self._tasks, values.tolist(), strict=True))
                raise OutOfRangeError(f"with {method}'s weights {weights} the update leaves the dtype's range")
        except NonFiniteError as error:
            return Fault(int(self._step[replica]), "diverged", str(error))
        except ValueError as error:
            return Fault(int(self._step[replica]), "failed", f"{type(error).__name__}: {error}")
        raise AssertionError(f"replica {replica} was stopped without a reason")


def _sizes(evidence: Evidence) -> Tensor | None:
    """Numbers (R, K) that are finite if, and only if, the measured gradients are; none if none were measured."""
    sizes = None
    if evidence.measured_gramian is not None:
        sizes = evidence.gramian.diagonal(dim1=-2, dim2=-1)
    elif evidence.measured_gradients is not None:
        sizes = torch.where(evidence.gradients.isfinite().all(-1), 0.0, torch.nan)
    if evidence.measured_cross_gramian is not None:
        crossed = evidence.cross_gramian
        fine = crossed.isfinite().any(-1) & crossed.diagonal(dim1=-2, dim2=-1).isfinite()
        sizes = torch.where(fine, 0.0 if sizes is None else sizes, torch.nan)
    return sizes


def harmless(evidence: Evidence, sound: Bool[Tensor, "R"]) -> Evidence:
    """The evidence, in which broken replicas show values that every method can compute with."""
    eye = torch.eye(evidence.losses.shape[-1], dtype=evidence.losses.dtype, device=evidence.losses.device)

    def where(value: Tensor | None, instead: Tensor | float) -> Tensor | None:
        return None if value is None else torch.where(sound.view(-1, *[1] * (value.dim() - 1)), value, instead)

    losses = where(evidence.losses, 1.0)
    assert losses is not None, "losses are always there"
    return replace(
        evidence,
        losses=losses,
        measured_gramian=where(evidence.measured_gramian, eye),
        measured_gradients=where(evidence.measured_gradients, 0.0),
        measured_cross_gramian=where(evidence.measured_cross_gramian, eye),
    )
