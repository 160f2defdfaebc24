"""What the training loop needs of models in training, be it one large model or many small ones at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from balancers import Certificate
from benchmarks.records.record import Cost, Scalars, Status
from benchmarks.training.measuring.clock import Spent
from benchmarks.training.measuring.evaluate import Geometry
from tasks.base import MultiTaskModel, Split


class Fault(NamedTuple):
    """Why and in which step a run broke."""

    step: int
    status: Status
    reason: str


class Means(NamedTuple):
    """Means over some steps."""

    losses: Tensor  # (R, K)
    weights: Tensor  # (R, K)


class Engine(ABC):
    """R runs of one suite that take their steps together; what breaks goes on unseen and is reported once."""

    replicas: int

    def __init__(self, replicas: int, tasks: int, device: torch.device) -> None:
        self.replicas = replicas
        self.device = device
        self.done = 0  # steps
        self._sums = torch.zeros(2, replicas, tasks, dtype=torch.float64, device=device)
        self._summed = 0

    @abstractmethod
    def step(self) -> None:
        """One training step of every run."""

    @abstractmethod
    def halve_rates(self) -> None:
        """Halve the learning rate of every run's encoder and heads.

        What a method trains of its own, such as weights, goes on at its own rate, a hyperparameter of the method.
        Official code that puts both into one optimizer, as that of Nash-MTL does, lowers both.
        """

    @abstractmethod
    def faults(self) -> dict[int, Fault]:
        """The runs that have broken so far."""

    @abstractmethod
    def evaluate(self, split: Split) -> list[Scalars]:
        """All metrics of every run on a split."""

    @abstractmethod
    def geometry(self, batch: Split) -> list[Geometry]:
        """Norms and cosines of every run's task gradients on one batch, in evaluation mode."""

    @abstractmethod
    def finite(self) -> list[bool]:
        """Whether all parameters of a run are finite."""

    @abstractmethod
    def keep(self, runs: Iterable[int]) -> None:
        """Remember the present state of some runs, in the place of earlier ones."""

    @abstractmethod
    def recall(self) -> None:
        """Put the kept states back."""

    @abstractmethod
    def model(self, run: int) -> MultiTaskModel:
        """A run's model; good until the next one is asked for."""

    @abstractmethod
    def certificate(self, run: int) -> Certificate | None:
        """How well a run's method solved its equations; none if it solves none."""

    @abstractmethod
    def cost(self, run: int, spent: Spent) -> Cost | None:
        """What a training step of one run costs when it is alone; none if that is unknown."""

    def note(self, losses: Tensor, weights: Tensor) -> None:
        """Losses and weights (R, K) of a step, for the means."""
        self._sums[0] += losses
        self._sums[1] += weights
        self._summed += 1

    def take_means(self) -> Means | None:
        """The means since they were last taken; none without a step."""
        if self._summed == 0:
            return None
        means = (self._sums / self._summed).cpu()
        self._sums.zero_()
        self._summed = 0
        return Means(means[0], means[1])
