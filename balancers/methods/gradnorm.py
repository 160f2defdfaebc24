"""GradNorm: weights move until every task's gradient has the norm that its training rate asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, in_numpy, quiet, tensors
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.adam import adam_step

VANISHING = float(np.finfo(np.float32).eps)  # a loss times this is rounding in single precision


class GradNormState(NamedTuple):
    """The weights, the first loss of every task (meaningful once ``steps`` > 0), and what Adam remembers."""

    weights: Float[Tensor, "*B K"]
    first_losses: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("gradnorm")
@dataclass(frozen=True)
class GradNorm(Weighting[GradNormState]):
    r"""Gradient normalization at the last shared layer W.

    With :math:`n_i = \|\nabla_W \ell_i\|` and :math:`G_i = w_i n_i`, the weights descend on
    :math:`\sum_i |G_i - \bar G\, r_i^\alpha|` where :math:`\bar G` is the mean of the :math:`G_i` and
    :math:`r_i = (\ell_i / \ell_i(0)) / \mathrm{mean}_j(\ell_j / \ell_j(0))`, both held constant: the slope in
    :math:`w_i` is :math:`\mathrm{sign}(G_i - \bar G r_i^\alpha)\, n_i`. Then they are rescaled to sum to K.

    The weights are this method's own, so nothing of that objective reaches the network. What the paper leaves open is
    settled so: the update rule is Adam (without epsilon, so that the scale of the losses does not matter), and a
    weight that would become negative becomes 0, from where it can rise again. :math:`\ell_i(0)` is the loss of the
    first step in which the task is present. Rescaling keeps the sum of the weights of the tasks that are present.

    A first loss near 0 says nothing about how fast a task trains, and dividing by it would give the task all weight for
    ever. So :math:`\ell_i(0)` is replaced by the first later loss that is more than 8,388,608 times as large, the
    inverse of the rounding of single precision: next to that loss the earlier one is 0. A first loss of 0 is replaced
    by the first positive one. Any larger first loss is kept, as in the paper; for a first loss that depends on chance,
    the paper allows a theoretical one, such as log C for the cross entropy of C classes, which is not offered here.

    Example:
        The norms are 1 and 5, their mean is 3: after the first step the first weight has risen by the learning rate,
        0.025, and the second has fallen by it.

        >>> from balancers import probe
        >>> probe("gradnorm", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 1], update=[-2, 4])
        >>> probe("gradnorm", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 4]])
        Response(weights=[1.025, 0.975], update=[-1.9, 3.9])

    Attributes:
        alpha: strength of the pull towards equal training rates; 0 asks for equal norms. The paper's value for NYUv2
            is 1.5, for its regression problem 0.12.
        learning_rate: of the weights, per step, below 1.

    Reference: Chen et al., GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks,
    ICML 2018, Equation 2 and Algorithm 1.
    """

    alpha: float = 1.5
    learning_rate: float = 0.025

    purpose = "moves the weights until the norm of every task's gradient fits its training rate"
    paper = "Chen et al., ICML 2018"
    version = 2
    needs = Need.LOSSES | Need.GRAMIAN
    space = searching(alpha=Interval(0.0, 3.0))  # the paper finds gains over this range
    positive_losses = True
    place = "last"
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SUM_TO_TASKS, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise ValueError(f"gradnorm: expected a finite alpha of at least 0, got {self.alpha}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"gradnorm: expected a learning_rate between 0 and 1, got {self.learning_rate}")

    def init(self, sizes: Sizes) -> GradNormState:
        """Equal weights of 1."""
        return GradNormState(sizes.per_task() + 1, *(sizes.per_task() for _ in range(4)))

    @quiet
    def update(self, evidence: Evidence, state: GradNormState, draws: Draws) -> tuple[Tensor, GradNormState]:
        """The weights of this step, and the state with the next weights, after one descent step and rescaling."""
        losses, norms = arrays((evidence.losses, evidence.norms))
        weights, first_losses, first, second, steps = arrays(state)
        begun = (steps > 0) & (first_losses >= VANISHING * losses) & (first_losses > 0)
        first_losses = np.where(begun, first_losses, losses)
        weighted = weights * norms
        target = weighted.mean(-1, keepdims=True) * relative_rates(losses, first_losses) ** self.alpha
        steps = steps + 1
        direction, first, second = adam_step(np.sign(weighted - target) * norms, first, second, steps)
        moved = np.maximum(weights - self.learning_rate * direction, 0)
        total = moved.sum(-1, keepdims=True)
        rescaled = np.where(total > 0, moved * (weights.sum(-1, keepdims=True) / total), weights)
        return state.weights, tensors(GradNormState(rescaled, first_losses, first, second, steps))


@in_numpy
def relative_rates(
    losses: Float[np.ndarray, "*B K"], first_losses: Float[np.ndarray, "*B K"]
) -> Float[np.ndarray, "*B K"]:
    """Inverse training rates over their mean; a task whose losses were all 0 counts as not having moved.

    Example:
        The first loss has halved, the second is as large as at the beginning: the ratios are 0.5 and 1.

        >>> import torch
        >>> from balancers.methods.gradnorm import relative_rates
        >>> losses, first = torch.tensor([[1.0, 3.0], [2.0, 3.0]], dtype=torch.float64)
        >>> relative_rates(losses, first).round(decimals=3).tolist()
        [0.667, 1.333]
    """
    ratios = np.where(first_losses > 0, losses / first_losses, 1.0)
    mean = ratios.mean(-1, keepdims=True)
    return np.where(mean > 0, ratios / mean, 1.0)
