"""The first fault of every replica, noted on the host, with the messages of a balancer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers import Answer, Evidence, NonFiniteError, OutOfRangeError
from balancers.step import guards
from benchmarks.training.engines.engine import Fault

SOUND, LOSS, BELOW, GRADIENT, WEIGHT, UPDATE = range(6)


class TakenStep(NamedTuple):
    """What the host learns of a step after it was taken."""

    step: int
    losses: Float[Tensor, "R K"]  # as the models gave them
    weights: Float[Tensor, "R K"]
    heads: Float[Tensor, "R K"]
    largest: Float[Tensor, "R"]  # element of the gradients of all parameters, in magnitude


class PendingStep(NamedTuple):
    """The same while some of it is on the device, where the next transfer takes it along; weights by method."""

    step: int
    losses: Float[Tensor, "R K"]
    weights: Sequence[Float[Tensor, "r K"]]
    heads: Sequence[Float[Tensor, "r K"]]
    largest: Float[Tensor, "R"]

    @property
    def tensors(self) -> list[Tensor]:
        """What has to be on the host."""
        return [*self.weights, *self.heads, self.largest]

    def settled(self, tensors: Sequence[Tensor]) -> TakenStep:
        """The step, from these tensors on the host."""
        *parts, largest = tensors
        methods = len(self.weights)
        return TakenStep(self.step, self.losses, torch.cat(parts[:methods]), torch.cat(parts[methods:]), largest)


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
        self._positive = torch.tensor(positive)
        self._kind = torch.zeros(len(methods), dtype=torch.int64)
        self._step = torch.zeros_like(self._kind)
        self._values = torch.zeros(len(methods), len(tasks), dtype=torch.float64)
        self._losses = torch.zeros_like(self._values)  # of the step with the fault

    def sound(self, losses: Float[Tensor, "R K"], sizes: Float[Tensor, "R K"] | None, step: int) -> Bool[Tensor, "R"]:
        """Which replicas have no fault so far, this step's evidence included; notes new faults.

        Args:
            losses: above their lower bounds.
            sizes: see `sizes_of`.
            step: the number of the step.
        """
        self._losses = torch.where((self._kind == SOUND)[:, None], losses + self._bounds, self._losses)
        self._note(LOSS, ~losses.isfinite().all(-1), step, losses + self._bounds)
        self._note(BELOW, self._positive & (losses < 0).any(-1), step, losses + self._bounds)
        if sizes is not None:
            self._note(GRADIENT, ~sizes.isfinite().all(-1), step, sizes)
        return self._kind == SOUND

    def check(self, taken: TakenStep) -> None:
        """Note the faults of replicas whose weights are not finite, or whose gradients are not with weights in them."""
        fine = taken.weights.isfinite().all(-1) & taken.heads.isfinite().all(-1)
        self._note(WEIGHT, ~fine, taken.step, taken.weights)
        self._note(UPDATE, ~taken.largest.isfinite(), taken.step, taken.weights)

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
        values, method = self._values[replica], self._methods[replica]
        try:
            if kind == LOSS:
                guards.require_finite_losses(values, self._tasks)
            elif kind == BELOW:
                guards.require_bounded_losses(values, values - self._bounds, [0.0] * len(values), self._tasks, method)
            elif kind == GRADIENT:
                guards.require_finite_gradients(Evidence(values), values.tolist(), self._tasks)
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


def finite_rows(gradients: Float[Tensor, "R K D"]) -> Bool[Tensor, "R K"]:
    """Which gradients are finite, on their device."""
    return gradients.isfinite().all(-1)


def sizes_of(
    gramian: Float[Tensor, "R K K"] | None,
    cross_gramian: Float[Tensor, "R K K"] | None,
    finite: Float[Tensor, "R K"] | None,
) -> Float[Tensor, "R K"] | None:
    """Numbers that are finite if, and only if, the measured gradients are; none if none were measured.

    Args:
        gramian: of the gradients, if it was measured.
        cross_gramian: the same.
        finite: of gradients without a Gramian, whether each is finite.
    """
    sizes = None
    if gramian is not None:
        sizes = gramian.diagonal(dim1=-2, dim2=-1)
    elif finite is not None:
        sizes = torch.where(finite > 0, 0.0, torch.nan)
    if cross_gramian is not None:
        fine = cross_gramian.isfinite().any(-1) & cross_gramian.diagonal(dim1=-2, dim2=-1).isfinite()
        sizes = torch.where(fine, 0.0 if sizes is None else sizes, torch.nan)
    return sizes


def harmless(evidence: Evidence, sound: Bool[Tensor, "R"]) -> Evidence:
    """The evidence, in which broken replicas show values that every method can compute with."""
    eye = torch.eye(evidence.losses.shape[-1], dtype=evidence.losses.dtype)

    def where(value: Tensor | None, instead: Tensor | float) -> Tensor | None:
        if value is None:
            return None
        rows = sound.to(value.device, non_blocking=True).view(-1, *[1] * (value.dim() - 1))
        return torch.where(rows, value, instead)

    losses = where(evidence.losses, 1.0)
    assert losses is not None, "losses are always there"
    return replace(
        evidence,
        losses=losses,
        measured_gramian=where(evidence.measured_gramian, eye),
        measured_gradients=where(evidence.measured_gradients, 0.0),
        measured_cross_gramian=where(evidence.measured_cross_gramian, eye),
    )
