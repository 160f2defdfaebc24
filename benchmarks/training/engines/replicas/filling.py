"""The gradients of one step of all replicas: measured at the place of the methods, weighted and combined.

It is `balancers.step.filling` with an axis of replicas in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from balancers import Evidence, Need
from balancers.contract.evidence import WITHOUT_GRADIENTS
from balancers.contract.exactness import resolution_of
from balancers.step.products import cross_gramian_of, gramian_of
from benchmarks.training.engines.replicas.ensemble import Ensemble
from benchmarks.training.engines.replicas.team import Mixed, beside


@dataclass
class Pass:
    """A forward pass of all replicas on one batch, with its graph."""

    features: Tensor  # (R, B, ...)
    losses: Float[Tensor, "R K"]


@dataclass
class Filler:
    """Finds the gradients of a step.

    Attributes:
        ensemble: the models.
        place: where gradients are measured: "shared", "last" or "features".
        answer: from what was measured, on the device, to the methods' answers. The losses are the models' own.
    """

    ensemble: Ensemble
    place: str
    answer: Callable[[Evidence], Mixed]

    def fill(self, step: Pass, others: Sequence[Pass], needs: Need) -> tuple[Float[Tensor, "R P"], Mixed]:
        """The gradients of all parameters, and the methods' answers that they follow."""
        if not needs & ~WITHOUT_GRADIENTS:
            mixed = self.answer(Evidence(step.losses.detach()))
            return self._weighted(step, mixed), mixed
        if self.place == "features":
            return self._at_features(step, needs)
        at = self.ensemble.last_shared if self.place == "last" else self.ensemble.shared
        rows, specific = self.rows(step.losses, at, keep=self.place == "last")
        crossed = [self.rows(other.losses, at, heads=False)[0] for other in others]
        mixed = self.answer(self._evidence(step, rows, needs, crossed))
        if self.place == "last":
            return self._weighted(step, mixed), mixed
        assert mixed.update is not None, "gradients were measured"
        return torch.cat([mixed.update.to(rows.dtype), *self._followed(specific, mixed)], -1), mixed

    def _weighted(self, step: Pass, mixed: Mixed) -> Float[Tensor, "R P"]:
        """One backward pass of the weighted losses, and if heads follow others, one that ends at the heads."""
        ensemble, losses = self.ensemble, step.losses
        heads = [leaf for task in ensemble.tasks for leaf in ensemble.specific(task)]
        if mixed.heads is mixed.weights:
            return _flat(torch.autograd.grad(losses, [*ensemble.shared, *heads], beside(mixed.weights, losses)))
        own = torch.autograd.grad(losses, heads, beside(mixed.heads, losses), retain_graph=True) if heads else ()
        shared = torch.autograd.grad(losses, ensemble.shared, beside(mixed.weights, losses))
        return _flat([*shared, *own])

    def _at_features(self, step: Pass, needs: Need) -> tuple[Float[Tensor, "R P"], Mixed]:
        rows, specific = self.rows(step.losses, [step.features], keep=True)
        mixed = self.answer(self._evidence(step, rows, needs, []))
        assert mixed.update is not None, "gradients were measured"
        update = mixed.update.to(step.features.dtype).view_as(step.features)
        shared = torch.autograd.grad(step.features, self.ensemble.shared, update)
        return torch.cat([_flat(shared), *self._followed(specific, mixed)], -1), mixed

    def rows(
        self, losses: Float[Tensor, "R K"], at: Sequence[Tensor], *, keep: bool = False, heads: bool = True
    ) -> tuple[Float[Tensor, "R K D"], list[Tensor]]:
        """Every task's gradient at some tensors and, flat, at its heads: one backward pass per task."""
        rows, specific = [], []
        for number, task in enumerate(self.ensemble.tasks):
            own = self.ensemble.specific(task) if heads else []
            last = number + 1 == len(self.ensemble.tasks)
            gradients = torch.autograd.grad(losses[:, number].sum(), [*at, *own], retain_graph=keep or not last)
            rows.append(_flat(gradients[: len(at)]))
            specific.append(_flat(gradients[len(at) :]) if own else losses.new_zeros(len(losses), 0))
        return torch.stack(rows, 1), specific

    def _followed(self, specific: Sequence[Tensor], mixed: Mixed) -> list[Tensor]:
        """The gradient of each task's heads, weighted."""
        factors = beside(mixed.heads, specific[0]).unbind(-1)
        return [own * factor[:, None].to(own.dtype) for own, factor in zip(specific, factors, strict=True)]

    def _evidence(
        self, step: Pass, rows: Float[Tensor, "R K D"], needs: Need, crossed: Sequence[Float[Tensor, "R K D"]]
    ) -> Evidence:
        pair = [rows, *crossed][-2:]
        return Evidence(
            step.losses.detach(),
            gramian_of(rows) if Need.GRAMIAN in needs else None,
            rows,
            cross_gramian_of(*pair) if Need.CROSS_GRAMIAN in needs else None,
            resolution_of(rows.dtype, rows.shape[-1]),
        )


def _flat(parts: Sequence[Tensor]) -> Float[Tensor, "R D"]:
    return torch.cat([part.reshape(len(part), -1) for part in parts], -1)
