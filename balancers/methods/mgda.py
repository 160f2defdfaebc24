"""MGDA: the shortest vector in the convex hull of the task gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from balancers.contract.arrays import quiet, tensors
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.solving import Solving
from balancers.contract.space import Choice, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need
from balancers.solvers.min_norm import min_norm

Normalization = Literal["none", "l2", "loss", "loss+"]
FLOOR = 1e-12  # share of the largest loss below which a loss is not divided by


@register("mgda")
@dataclass(frozen=True)
class MGDA(Solving):
    r"""Multiple-gradient descent: :math:`w = \arg\min_{w \in \Delta} \|\sum_i w_i g_i\|^2`, solved exactly.

    No loss increases to first order, and none is left behind: :math:`g_i \cdot u \ge \|u\|^2`. A task with a gradient
    of zero takes all weight, because such a point is Pareto stationary.

    With a normalization the weights are found for the normalized gradients, and applied to the losses as they are,
    as in the official code, so that the update may conflict with a task; one well-known library applies them to the
    normalized gradients. The paper has none; the configuration that comes with the official code uses "loss+". That
    code finds the point by at most 250 projected steps, and where it is the gradient of one of two tasks gives the
    other 0.001; here the solution is exact. In the paper's Algorithm 2 heads follow their own loss; the official code
    weighs them too.

    There is no preference between the tasks: it would be a scale of their losses, by which anybody can multiply them.

    MGDA-UB, the paper's approximation, is this method with gradients measured at the shared representation, which
    `Balancer.backward` does with ``features=``.

    Example:
        The line between the gradients comes nearest to 0 at (0.5, 0.5), an eighth of the way.

        >>> from balancers import probe
        >>> probe("mgda", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.875, 0.125], update=[0.5, 0.5])

    Attributes:
        normalization: what gradients are divided by: nothing, their norm, their loss, or the product of both.

    Reference: Sener and Koltun, Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018, Equation 3;
    Désidéri, Multiple-gradient descent algorithm (MGDA) for multiobjective optimization, Comptes Rendus
    Mathematique 2012.
    """

    normalization: Normalization = "none"

    purpose = "takes the shortest vector in the convex hull of the task gradients"
    paper = "Sener and Koltun, NeurIPS 2018"
    needs = Need.LOSSES | Need.GRAMIAN
    space = searching(normalization=Choice(("none", "l2", "loss", "loss+")))
    heads = "own"
    degree = 1

    def __post_init__(self) -> None:
        if self.normalization not in get_args(Normalization):
            raise ValueError(
                f"mgda: expected normalization to be one of {get_args(Normalization)}, got {self.normalization!r}"
            )

    @property
    def claims(self) -> frozenset[Claim]:
        """What is said of the update holds without a normalization alone.

        With one, several weightings may combine the normalized gradients to the shortest vector, and the gradients as
        they are to different ones.
        """
        always = {Claim.SIMPLEX, Claim.NON_NEGATIVE}
        exact = {Claim.PERMUTATION_EQUIVARIANT, Claim.NON_CONFLICTING}
        return frozenset(always | exact if self.normalization == "none" else always)

    @property
    def positive_losses(self) -> bool:
        """Division by losses needs them to be positive."""
        return self.normalization in ("loss", "loss+")

    @quiet
    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        """The weights on the simplex."""
        if self.normalization == "none":
            return min_norm(evidence.gramian, evidence.resolution)
        factors, norms, losses = np.ones(1), evidence.norms.numpy(), evidence.losses.numpy()
        if self.normalization in ("l2", "loss+"):
            factors = np.where(norms > 0, 1 / norms, 0.0)
        if self.positive_losses:
            factors = factors / _away_from_zero(losses)
        scaled = evidence.gramian.numpy() * factors[..., :, None] * factors[..., None, :]
        return min_norm(tensors(scaled), evidence.resolution)


def _away_from_zero(losses: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """Losses over the largest of them, none so small that a division by it would overflow; 1 if all are 0."""
    largest = losses.max(-1, keepdims=True)
    return np.where(largest > 0, np.maximum(losses / largest, FLOOR), 1.0)
