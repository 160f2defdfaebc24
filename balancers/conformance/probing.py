"""What a method answers to gradients and losses that are given as numbers, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from balancers.conformance.problems import evidence_of, sizes_of, update_of
from balancers.contract.evidence import as_answer
from balancers.contract.weighting import Draws, Evidence, Need, Weighting
from balancers.registry import create

DECIMALS = 3  # of the numbers in a printed response

Numbers = Tensor | Sequence[Any]  # a list of numbers, or of lists of them


@dataclass(frozen=True, repr=False)
class Response:
    """What a method answers in one step; its text shows three decimals.

    Example:
        >>> import torch
        >>> Response(weights=torch.tensor([0.5, 1.0]), update=torch.tensor([1 / 3, 0.0, -2.0]))
        Response(weights=[0.5, 1], update=[0.333, 0, -2])

    Attributes:
        weights: one per task, (K,), or one per task and element, (K, D).
        update: the balanced gradient of the shared parameters, (D,).
    """

    weights: Tensor
    update: Tensor

    def __repr__(self) -> str:
        """Both tensors as lists of rounded numbers."""
        return f"Response(weights={_rounded(self.weights)}, update={_rounded(self.update)})"


def probe(
    method: str | Weighting, gradients: Numbers, losses: Numbers, *, scores: Numbers | None = None, seed: int = 0
) -> Response:
    """What a method answers to these gradients and losses, in the last step if there are several.

    Example:
        Two gradients that conflict: PCGrad adds 3 times the first to the second, and 0.12 times the second to the
        first, so that neither has a component against the other. The update is the sum of both.

        >>> from balancers import probe
        >>> probe("pcgrad", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[4, 1.12], update=[0.64, 4.48])

        Losses of several steps show what a method remembers. Here the second loss halves, and FAMO, which wants all
        losses to fall at one rate, gives the first task more than the 2/3 that the losses alone would give it:

        >>> probe("famo", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 2]])
        Response(weights=[0.669, 0.331], update=[-0.326, 1.326])

    Args:
        method: a name (see `balancers.names`) or a `Weighting`.
        gradients: one row per task, (K, D), the same in every step; or one matrix per step, (S, K, D).
        losses: one per task, (K,), the same in every step; or one row per step, (S, K). A method with
            ``Need.LOSSES_AFTER`` is shown the losses of the next step after the optimizer's step.
        scores: one per task, (K,), for a method with ``Need.SCORES``: it gets them before the first step. See
            `Balancer.after_validation`.
        seed: of the method's own random numbers.

    Raises:
        ValueError: an unknown method, or gradients, losses and scores whose shapes do not fit.
    """
    weighting = create(method) if isinstance(method, str) else method
    *earlier, last = _steps(gradients, losses)
    draws = Draws.seeded(seed)
    state = weighting.init(sizes_of(last))
    if scores is not None:
        state = weighting.after_validation(_scores(scores, last), state)
    for evidence, following in pairwise([*earlier, last]):
        _, state = weighting.update(evidence, state, draws)
        if Need.LOSSES_AFTER in weighting.needs:
            state = weighting.after(following.losses, state)
    answer, _ = weighting.update(last, state, draws)
    return Response(as_answer(answer).weights, update_of(answer, last))


def _steps(gradients: Numbers, losses: Numbers) -> list[Evidence]:
    rows = torch.as_tensor(losses, dtype=torch.float64)
    rows = rows[None] if rows.dim() == 1 else rows
    matrices = torch.as_tensor(gradients, dtype=torch.float64)
    matrices = matrices.expand(len(rows), -1, -1) if rows.dim() == matrices.dim() == 2 else matrices
    if rows.dim() != 2 or matrices.dim() != 3 or matrices.shape[:2] != rows.shape or not rows.numel():
        raise ValueError(
            "expected gradients of shape (tasks, elements) and losses of shape (tasks,), or both with an axis of steps "
            f"before, got {tuple(matrices.shape)} and {tuple(rows.shape)}"
        )
    return [evidence_of(matrix, row) for matrix, row in zip(matrices, rows, strict=True)]


def _scores(scores: Numbers, evidence: Evidence) -> Tensor:
    values = torch.as_tensor(scores, dtype=torch.float64)
    if values.shape != evidence.losses.shape:
        raise ValueError(f"expected {len(evidence.losses)} scores, one per task, got shape {tuple(values.shape)}")
    return values


def _rounded(numbers: Tensor) -> str:
    if numbers.dim() > 1:
        return f"[{', '.join(map(_rounded, numbers))}]"
    return f"[{', '.join(f'{round(number, DECIMALS) + 0.0:g}' for number in numbers.tolist())}]"
