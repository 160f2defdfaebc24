"""What a method asks for (`Need`), what it is shown (`Evidence`) and what it may answer beside weights (`Answer`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.exactness import DOUBLE


class Need(Flag):
    """What a method must be shown; the balancer measures exactly this and nothing more.

    Example:
        >>> from balancers import Need
        >>> Need.GRAMIAN in (Need.LOSSES | Need.GRAMIAN)
        True
    """

    LOSSES = auto()  # always there: one backward pass in all
    GRAMIAN = auto()  # inner products of the task gradients: one backward pass per task
    CROSS_GRAMIAN = auto()  # inner products across two more, independent batches: three times as many passes
    GRADIENTS = auto()  # the task gradients themselves, for methods that act element by element
    LOSSES_AFTER = auto()  # the losses of the same batch after the optimizer's step: one more forward pass
    SCORES = auto()  # how well each task does on validation data, whenever the training loop has evaluated the model


WITHOUT_GRADIENTS = Need.LOSSES | Need.LOSSES_AFTER | Need.SCORES  # needs for which no gradient is measured


@dataclass(frozen=True)
class Evidence:
    """The losses and gradients of K tasks in one step; axes before the axis of the tasks are replicas.

    Everything is float64 and on the CPU except the gradients.

    Example:
        >>> import torch
        >>> from balancers import Evidence
        >>> gradients = torch.tensor([[1.0, 0.0], [-3.0, 4.0]], dtype=torch.float64)
        >>> evidence = Evidence(torch.tensor([1.0, 4.0]).double(), gradients @ gradients.T, gradients)
        >>> evidence.norms.tolist()
        [1.0, 5.0]
        >>> round(evidence.cosines[0, 1].item(), 3), evidence.conflicts.item()
        (-0.6, 1.0)

    Attributes:
        losses: minus their known lower bounds, where the balancer was told of any.
        measured_gramian: ``G[i, j]`` is the inner product of the gradients of tasks i and j.
        measured_gradients: one flat gradient per task, in the dtype of the model.
        measured_cross_gramian: ``[i, j]`` is the inner product of the gradient of task i on one independent batch and
            the gradient of task j on another.
        resolution: the length, relative to its terms, below which a combination of the gradients is zero up to
            rounding; it follows from their dtype (`balancers.contract.exactness`).
    """

    losses: Float[Tensor, "*B K"]
    measured_gramian: Float[Tensor, "*B K K"] | None = None
    measured_gradients: Float[Tensor, "*B K D"] | None = None
    measured_cross_gramian: Float[Tensor, "*B K K"] | None = None
    resolution: float = DOUBLE

    @property
    def gramian(self) -> Float[Tensor, "*B K K"]:
        """Inner products of the task gradients."""
        return _measured(self.measured_gramian, Need.GRAMIAN)

    @property
    def gradients(self) -> Float[Tensor, "*B K D"]:
        """The task gradients, one row each."""
        return _measured(self.measured_gradients, Need.GRADIENTS)

    @property
    def cross_gramian(self) -> Float[Tensor, "*B K K"]:
        """Inner products of the task gradients on two independent batches."""
        return _measured(self.measured_cross_gramian, Need.CROSS_GRAMIAN)

    @property
    def norms(self) -> Float[Tensor, "*B K"]:
        """Euclidean norm of each task's gradient."""
        return tensors(lengths(self.gramian.numpy()))

    @property
    @quiet
    def cosines(self) -> Float[Tensor, "*B K K"]:
        """Cosine of every pair of task gradients; 0 where one of them is zero."""
        gramian = self.gramian.numpy()
        norms = lengths(gramian)
        scale = np.where(norms > 0, 1 / norms, 0.0)
        return tensors(np.minimum(np.maximum(gramian * scale[..., :, None] * scale[..., None, :], -1), 1))

    @property
    def conflicts(self) -> Float[Tensor, "*B"]:
        """Share of the pairs of tasks whose gradients have a negative inner product; 0 for a single task."""
        tasks = self.losses.shape[-1]
        negative = (self.gramian < 0).triu(diagonal=1).sum((-2, -1))
        return negative.double() / max(tasks * (tasks - 1) // 2, 1)


def lengths(gramian: Float[np.ndarray, "*B K K"]) -> Float[np.ndarray, "*B K"]:
    """The norms of vectors with these inner products.

    Example:
        >>> import numpy as np
        >>> from balancers.contract.evidence import lengths
        >>> lengths(np.array([[1.0, -3.0], [-3.0, 25.0]])).tolist()
        [1.0, 5.0]
    """
    return np.sqrt(np.maximum(gramian.diagonal(axis1=-2, axis2=-1), 0.0))


def _measured(value: Tensor | None, need: Need) -> Tensor:
    if value is None:
        raise ValueError(
            f"{need.name} was not measured in this step: a method declares `needs = Need.{need.name}`, "
            f"a training loop asks with Balancer(..., observe=Need.{need.name})"
        )
    return value


class Answer(NamedTuple):
    """The answer of a method: weights, and, for some methods, gradients and factors of heads.

    The update of the shared parameters is the weighted sum of ``gradients`` where a method puts its own in the place
    of the measured ones (an average over steps, for example). Heads that follow their own loss follow ``heads`` times
    that loss where a method transforms the losses.

    Example:
        >>> import torch
        >>> from balancers import Answer
        >>> answer = Answer(torch.tensor([1.0, 0.5]), heads=torch.ones(2))
        >>> answer.gradients is None, answer.heads.tolist()
        (True, [1.0, 1.0])
    """

    weights: Float[Tensor, "*B K"] | Float[Tensor, "*B K D"]
    gradients: Float[Tensor, "*B K D"] | None = None
    heads: Float[Tensor, "*B K"] | None = None


def as_answer(answer: Tensor | Answer) -> Answer:
    """An answer with all its fields, from an answer or from weights alone.

    Example:
        >>> import torch
        >>> from balancers.contract.evidence import as_answer
        >>> as_answer(torch.tensor([1.0, 0.5])).weights.tolist()
        [1.0, 0.5]
    """
    return answer if isinstance(answer, Answer) else Answer(answer)
