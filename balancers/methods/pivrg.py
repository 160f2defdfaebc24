"""PIVRG: fair shares of the gain, in which tasks count more the worse they do on validation data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.registration import register
from balancers.contract.solution import Certificate
from balancers.contract.solving import clipped, recording
from balancers.contract.space import Choice, Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.bargaining import bargain

ALPHA = 2.0  # of the fairness


class PIVRGState(NamedTuple):
    """The last score of every task, whether it has one (1 or 0), and how well the equations were solved."""

    scores: Float[Tensor, "*B K"]
    scored: Float[Tensor, "*B K"]
    residual: Float[Tensor, "*B"]
    fallbacks: Float[Tensor, "*B"]


@register("pivrg")
@dataclass(frozen=True)
class PIVRG(Weighting[PIVRGState]):
    r"""Performance-informed variance reduction gradient: weights w > 0 with :math:`G w = \sqrt{p / w}`.

    The importance p of the K tasks follows from their scores m on validation data, in percent, higher being better:
    :math:`p = K\,\mathrm{softmax}(-m / T)` with
    :math:`T = \max\left(T_{\min}, (\max_i m_i - \min_i m_i) / \log b\right)`. Therefore no task is more than b times as
    important as another. This is ``fairgrad`` with α = 2 and the preference p, with its fallback at Pareto-stationary
    points. Before the first scores all p are 1; later, a task without a score has p = 1 beside others that have one.

    The training loop passes the scores to `Balancer.after_validation`: how much each task's metric is better than its
    baseline. The official code compares with a model for each task alone, takes the mean over a task's metrics, and
    evaluates after every epoch on validation data (CelebA, QM9), or else on the training data of the epoch. The
    benchmark of this repository knows no such models in a run. There the score is the share of the untrained model's
    error that is gone, by the primary metric on validation data.

    The official code solves by bounded least squares from 1/K on the Gramian as it is, with a tolerance that depends
    on the scale; here the solution is exact. It also multiplies the update by K, to match the sum, and clips it to
    ``max_norm`` = 1 then.

    Example:
        Without scores these are the weights of ``fairgrad``. Then the first task is 20 % worse than its baseline, and
        the second is 5 % better: their importances are 1.333 and 0.667.

        >>> from balancers import probe
        >>> probe("pivrg", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.598, 0.269], update=[0.791, 1.075])
        >>> probe("pivrg", gradients=[[1, 0], [-3, 4]], losses=[1, 4], scores=[-20, 5])
        Response(weights=[1.686, 0.266], update=[0.889, 1.063])

    Attributes:
        bound: b, how many times as important as another a task may be; above 1.
        min_temperature: the smallest temperature, in percent; the larger, the less small differences between scores
            count.
        max_norm: the largest norm of the update, or none. Clipping scales all weights, those of weighted heads too.

    Reference: Qin et al., Revisiting Fairness in Multitask Learning: A Performance-Driven Approach for Variance
    Reduction, CVPR 2025; rules and defaults from its official code, class PIVRG of MTLlib.
    """

    bound: float = 2.0
    min_temperature: float = 10.0
    max_norm: float | None = None

    purpose = "shares the gain fairly, with more importance for tasks that do badly on validation data"
    paper = "Qin et al., CVPR 2025"
    needs = Need.GRAMIAN | Need.SCORES
    space = searching(  # the values of the published scripts
        bound=Choice((2.0, 1.8)), min_temperature=Interval(10.0, 100.0, log=True)
    )
    heads = "own"
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT, Claim.NON_CONFLICTING})

    def __post_init__(self) -> None:
        if not 1 < self.bound < float("inf"):
            raise ValueError(f"pivrg: expected a finite bound above 1, got {self.bound}")
        if not 0 < self.min_temperature < float("inf"):
            raise ValueError(f"pivrg: expected a positive min_temperature, got {self.min_temperature}")
        if self.max_norm is not None and not 0 < self.max_norm < float("inf"):
            raise ValueError(f"pivrg: expected max_norm to be positive or None, got {self.max_norm}")

    @property
    def degree(self) -> float | None:
        """Follows from the equation; clipping breaks the law."""
        return (1 - ALPHA) / (1 + ALPHA) if self.max_norm is None else None

    def init(self, sizes: Sizes) -> PIVRGState:
        """No scores, nothing solved yet."""
        return PIVRGState(sizes.per_task(), sizes.per_task(), sizes.scalar(), sizes.scalar())

    def update(self, evidence: Evidence, state: PIVRGState, draws: Draws) -> tuple[Tensor, PIVRGState]:
        """Positive weights, and the updated record of residuals and fallbacks."""
        solution = bargain(evidence.gramian, ALPHA, evidence.resolution, self.importance(state))
        certificate = recording(self.certificate(state), solution)
        weights = clipped(solution, evidence.gramian, self.max_norm).point
        return weights, state._replace(**certificate._asdict())

    def after_validation(self, scores: Float[Tensor, "*B K"], state: PIVRGState) -> PIVRGState:
        """The scores replace the earlier ones."""
        return state._replace(scores=scores, scored=torch.ones_like(state.scored))

    def certificate(self, state: PIVRGState) -> Certificate:
        """The record of residuals and fallbacks."""
        return Certificate(state.residual, state.fallbacks)

    @quiet
    def importance(self, state: PIVRGState) -> Float[Tensor, "*B K"]:
        """The importance of every task; 1 for those without a score."""
        scores, scored = state.scores.numpy(), state.scored.numpy() > 0
        lowest = np.where(scored, scores, np.inf).min(-1, keepdims=True)
        highest = np.where(scored, scores, -np.inf).max(-1, keepdims=True)
        temperature = np.maximum((highest - lowest) / math.log(self.bound), self.min_temperature)
        shares = np.where(scored, np.exp((lowest - scores) / temperature), 0.0)
        total = shares.sum(-1, keepdims=True)
        return tensors(np.where(scored, shares * scored.sum(-1, keepdims=True) / total, 1.0))
