"""The interface of models in training, one large model or many small ones at once, to the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from balancers import Certificate
from benchmarks.records.record import Cost, Scalars, Status
from benchmarks.training.machine.devices import on_accelerator
from benchmarks.training.machine.transfer import fetched
from benchmarks.training.measuring.clock import Spent
from benchmarks.training.measuring.evaluate import Geometry
from tasks.base import MultiTaskModel, Split

HELD = 512  # tensors that are left on an accelerator before they are fetched together


class Fault(NamedTuple):
    """Why a run broke off, and in which step."""

    step: int
    status: Status
    reason: str


class Means(NamedTuple):
    """Means over the steps since the last evaluation."""

    losses: Tensor  # (R, K)
    weights: Tensor  # (R, K)


class Engine(ABC):
    """R runs of one suite that take their steps together; a run that breaks stays in its place."""

    replicas: int

    def __init__(self, replicas: int, tasks: int, device: torch.device) -> None:
        self.replicas = replicas
        self.device = device
        self.done = 0  # steps
        self._sums = torch.zeros(2, replicas, tasks, dtype=torch.float64)
        self._summed = 0
        self._noted: list[Tensor] = []  # losses and weights in turn, on an accelerator, not yet in the sums

    @abstractmethod
    def step(self) -> None:
        """One training step of every run."""

    @abstractmethod
    def scale_rates(self, factor: float) -> None:
        """Multiply the learning rate of every run's encoder and heads by ``factor``.

        Weights that a method trains keep their own rate, which is a hyperparameter of the method. (The official code of
        Nash-MTL puts both into one optimizer, and lowers both.)
        """

    @abstractmethod
    def faults(self) -> dict[int, Fault]:
        """The faults of the runs that have broken so far, by run."""

    @abstractmethod
    def evaluate(self, split: Split) -> list[Scalars]:
        """All metrics of every run on a split."""

    @abstractmethod
    def after_validation(self, scores: Mapping[int, Mapping[str, float]]) -> None:
        """Pass the scores on validation data, by run and task, to the methods that need them.

        A score is the share of the untrained model's error that is gone, in percent. There is none for broken runs.
        """

    @abstractmethod
    def geometry(self, batch: Split) -> list[Geometry]:
        """Norms and cosines of every run's task gradients on one batch, in evaluation mode."""

    @abstractmethod
    def finite(self) -> list[bool]:
        """Whether all parameters of a run are finite."""

    @abstractmethod
    def keep(self, runs: Iterable[int]) -> None:
        """Remember the present state of some runs and forget the earlier one: it is the selected checkpoint now."""

    @abstractmethod
    def recall(self) -> None:
        """Put the state of every run back that `keep` remembered last."""

    @abstractmethod
    def model(self, run: int) -> MultiTaskModel:
        """The model of a run; it can be used until the next call."""

    @abstractmethod
    def certificate(self, run: int) -> Certificate | None:
        """How well the method of a run solved its equations; none if it solves none."""

    @abstractmethod
    def cost(self, run: int, spent: Spent) -> Cost | None:
        """The cost of a training step of one run that trains alone; none if it is unknown."""

    def note(self, losses: Tensor, weights: Tensor) -> None:
        """Add the losses and weights (R, K) of a step to the means; no step waits for those of an accelerator."""
        self._noted += [losses, weights]
        self._summed += 1
        if len(self._noted) >= HELD or not any(on_accelerator(part.device) for part in (losses, weights)):
            self._add_noted()

    def take_means(self) -> Means | None:
        """The means since the last call; none if there was no step since."""
        if self._summed == 0:
            return None
        self._add_noted()
        means = self._sums / self._summed
        self._sums.zero_()
        self._summed = 0
        return Means(means[0], means[1])

    def _add_noted(self) -> None:
        terms = fetched(self._noted)
        for losses, weights in zip(terms[::2], terms[1::2], strict=True):
            self._sums[0] += losses
            self._sums[1] += weights
        self._noted.clear()
