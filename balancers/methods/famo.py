"""FAMO: weights move until all losses fall at one rate, as seen from the losses after each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import arrays, quiet, tensors
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.adam import adam_step
from balancers.solvers.positive import inverse, logarithm
from balancers.solvers.simplex import softmax

Flavour = Literal["paper", "official"]
ROUNDING = 16 * float(np.finfo(np.float64).eps)  # of a logarithm that was computed from two others


class FAMOState(NamedTuple):
    """The logits, the logarithms of the losses before the optimizer's step, and what Adam remembers."""

    logits: Float[Tensor, "*B K"]
    logs: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("famo")
@dataclass(frozen=True)
class FAMO(Weighting[FAMOState]):
    r"""Fast adaptive multitask optimization.

    The weights are :math:`w_i = c\,z_i / \ell_i` with :math:`z = \mathrm{softmax}(\xi)` and c such that they sum to 1.
    Once the losses :math:`\ell'` after the optimizer's step are known, the logits follow:
    :math:`\xi \leftarrow \xi - \beta (\delta + \gamma \xi)` with
    :math:`\delta = (\partial z / \partial \xi)^\top (\log \ell - \log \ell')`. Where :math:`\delta = 0`, all losses
    shrink by the same factor.

    That is Algorithm 1. The official code, like Algorithm 2 in the paper's appendix, gives
    :math:`\delta + \gamma \xi` to Adam instead, at learning rate :math:`\beta`, which moves the logits far faster; this
    is ``flavour="official"``. It adds 1e-8 to every loss and to Adam's denominator, which we leave out because
    it makes small losses behave differently: a task at loss 0 gets weight 0 (z, if all are), and counts as the
    smallest positive number of single precision in the logarithms. It also clips the gradient of the shared parameters
    to norm 1, which is left to the training loop. Its decay γ varies: 0.01 and 1e-5 are defaults in its two files, and
    the published runs use 0.001 or 0.01, or 0 for the two-task toy problem.

    Losses must be computed with the same dropout noise before and after the step, or δ is mostly noise. Known infima
    of the losses are given to a `Balancer` as ``lower_bounds``.

    Example:
        In the first step the weights are proportional to 1 and 1/4. Then the second loss falls to 2, which alone would
        make them 2/3 and 1/3; the first task, whose loss does not fall, gets a little more.

        >>> from balancers import probe
        >>> probe("famo", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.8, 0.2], update=[0.2, 0.8])
        >>> probe("famo", gradients=[[1, 0], [-3, 4]], losses=[[1, 4], [1, 2]])
        Response(weights=[0.669, 0.331], update=[-0.326, 1.326])

    Attributes:
        beta: the step size of the logits.
        gamma: their decay, towards equal z.
        flavour: "paper" (gradient steps) or "official" (Adam).

    Reference: Liu et al., FAMO: Fast Adaptive Multitask Optimization, NeurIPS 2023, Equations 10 to 12 and Algorithm 1.
    """

    beta: float = 0.025
    gamma: float = 0.001
    flavour: Flavour = "paper"

    purpose = "moves the weights until all losses fall at one rate"
    paper = "Liu et al., NeurIPS 2023"
    needs = Need.LOSSES | Need.LOSSES_AFTER
    space = searching(gamma=Interval(1e-5, 1e-2, log=True))  # the range of the published scripts
    positive_losses = True
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.beta < float("inf"):
            raise ValueError(f"famo: expected a positive beta, got {self.beta}")
        if not 0 <= self.gamma < float("inf"):
            raise ValueError(f"famo: expected a gamma of at least 0, got {self.gamma}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"famo: expected a flavour out of {get_args(Flavour)}, got {self.flavour!r}")

    def init(self, sizes: Sizes) -> FAMOState:
        """Equal logits."""
        return FAMOState(*(sizes.per_task() for _ in range(5)))

    @quiet
    def update(self, evidence: Evidence, state: FAMOState, draws: Draws) -> tuple[Tensor, FAMOState]:
        """The weights; the logits wait for the losses after the step."""
        losses = evidence.losses.numpy()
        shares = softmax(state.logits.numpy())
        weighted = shares * inverse(losses)
        total = weighted.sum(-1, keepdims=True)
        weights = np.where(total > 0, weighted / total, shares)
        return tensors((weights, state._replace(logs=logarithm(losses))))

    @quiet
    def after(self, losses: Float[Tensor, "*B K"], state: FAMOState) -> FAMOState:
        """The logits after one step against the differences between the tasks' rates."""
        logits, logs, first, second, steps = arrays(state)
        logs_after = logarithm(losses.numpy())
        falls = logs - logs_after
        shares = softmax(logits)
        ahead = falls - (shares * falls).sum(-1, keepdims=True)
        # Rates that differ by rounding are equal; without this, Adam would take steps of full length along noise.
        noise = ROUNDING * np.maximum((np.abs(logs) + np.abs(logs_after)).max(-1, keepdims=True), 1)
        slope = shares * np.where(np.abs(ahead) > noise, ahead, 0.0) + self.gamma * logits
        if self.flavour == "paper":
            return tensors(state._replace(logits=logits - self.beta * slope))
        steps = steps + 1
        direction, first, second = adam_step(slope, first, second, steps)
        return tensors(FAMOState(logits - self.beta * direction, logs, first, second, steps))
