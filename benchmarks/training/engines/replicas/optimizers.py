"""Optimizers of the stacked parameters of replicas, which each have their own learning rate."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.training.batches import SGD_MOMENTUM

DECAYS, EPSILON = (0.9, 0.999), 1e-8  # Adam's, as in torch.optim


class Stepper(ABC):
    """An optimizer of parameters (R, P) with learning rates (R, 1): it steps every replica as one of torch would."""

    def __init__(self, rates: Float[Tensor, "R 1"]) -> None:
        self.rates = rates

    @abstractmethod
    def step(self, parameters: Float[Tensor, "R P"], gradients: Float[Tensor, "R P"]) -> None:
        """Change the parameters in place."""


class Adam(Stepper):
    """Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, Algorithm 1."""

    def __init__(self, rates: Float[Tensor, "R 1"]) -> None:
        super().__init__(rates)
        self._steps = 0
        self._first = self._second = torch.zeros(())

    @torch.no_grad()
    def step(self, parameters: Float[Tensor, "R P"], gradients: Float[Tensor, "R P"]) -> None:
        """One step of all replicas."""
        if self._steps == 0:
            self._first, self._second = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self._steps += 1
        self._first.lerp_(gradients, 1 - DECAYS[0])
        self._second.mul_(DECAYS[1]).addcmul_(gradients, gradients, value=1 - DECAYS[1])
        corrections = [1 - decay**self._steps for decay in DECAYS]
        size = (self._second.sqrt() / corrections[1] ** 0.5).add_(EPSILON)
        parameters.sub_(self._first / size * (self.rates / corrections[0]))


class Sgd(Stepper):
    """Stochastic gradient descent with momentum."""

    def __init__(self, rates: Float[Tensor, "R 1"]) -> None:
        super().__init__(rates)
        self._velocity: Tensor | None = None

    @torch.no_grad()
    def step(self, parameters: Float[Tensor, "R P"], gradients: Float[Tensor, "R P"]) -> None:
        """One step of all replicas."""
        fresh = self._velocity is None
        self._velocity = gradients.clone() if fresh else self._velocity.mul_(SGD_MOMENTUM).add_(gradients)  # pyright: ignore
        parameters.sub_(self._velocity * self.rates)


OPTIMIZERS: dict[str, type[Stepper]] = {"adam": Adam, "sgd": Sgd}
