"""ExcessMTL: tasks that are further from convergence count more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.simplex import softmax
from balancers.step.host import on_host

Flavour = Literal["paper", "official"]


class ExcessMTLState(NamedTuple):
    """What the excess risks are measured by, and the weights.

    ``roots`` are the square roots of the sums of all squared gradients; ``baselines`` are the sums of the excess risks
    over the steps of the warm-up, of which ``steps`` were taken.
    """

    log_weights: Float[Tensor, "*B K"]
    roots: Float[Tensor, "*B K D"]
    baselines: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]


@register("excess-mtl")
@dataclass(frozen=True)
class ExcessMTL(Weighting[ExcessMTLState]):
    r"""Weights by exponentiated gradient ascent on estimated excess risks.

    The excess risk of task i, its distance from the least loss possible, is estimated by
    :math:`e_i = \sum_d g_{id}^2 / \sqrt{S_{id}}`, where S sums the squared gradients of all steps so far, this one
    included. Then :math:`w_i \leftarrow w_i \exp(\eta\, e_i / \bar e_i)`, rescaled to sum to 1, from equal weights on;
    the step uses the new ones. The baseline :math:`\bar e_i` is the mean over the first steps, in which the weights
    stay equal.

    The paper warms up for three epochs. A method does not know how long an epoch is, so the default is one step, as
    in the authors' code, and the three epochs are for the user to ask for. The code rescales the weights to sum to
    K: ``flavour="official"`` does so too. What both leave open: a step in which a task's gradient is 0 is none of its
    warm-up and shows no excess risk; where tasks are absent, the weights of the others sum to 1 in that step, and in
    the long run keep the total that they had.

    The code also adds 1e-7 to S. That number is absolute, and both flavours leave it out. It lowers the first excess
    risk of an element of size 0.01 by 0.05 %, of 0.001 by 4.7 %, and of 0.0001 by 70 %. Over time it favours tasks with
    small gradients. Take two tasks whose gradients are constant, with elements of size 1 and of a smaller size. Without
    that number their weights stay equal. With it and :math:`\eta = 1`, the second task has 50.04 % of the weight
    after 10 steps if the smaller size is 0.01, 53.6 % if it is 0.001, and 97.1 % if it is 0.0001.

    Example:
        In the second step the second gradient is half as long as in the first. The excess risks relative to the first
        step are 1 / 2 ** 0.5 and 0.25 / 1.25 ** 0.5, and the weights are their softmax.

        >>> from balancers import probe
        >>> steps = [[[1, 0], [-3, 4]], [[1, 0], [-1.5, 2]]]
        >>> probe("excess-mtl", gradients=steps, losses=[[1, 4], [1, 2]])
        Response(weights=[0.619, 0.381], update=[0.046, 0.763])

    Attributes:
        eta: step size of the weights. The authors' example has 1, the default in their code is 0.01.
        warmup: in how many steps the baseline is measured.
        flavour: "paper" for weights that sum to 1, "official" for K.

    Reference: He et al., Robust Multi-Task Learning with Excess Risks, ICML 2024, Equations 6, 7 and 9 and Section 3.2.
    """

    eta: float = 1.0
    warmup: int = 1
    flavour: Flavour = "paper"

    purpose = "gives more weight to tasks that are further from convergence"
    paper = "He et al., ICML 2024"
    needs = Need.GRADIENTS
    space = searching(eta=Interval(0.01, 1.0, log=True))  # between the two published values
    degree = 1

    def __post_init__(self) -> None:
        if not 0 < self.eta < float("inf"):
            raise ValueError(f"excess-mtl: expected a positive eta, got {self.eta}")
        require_count("excess-mtl", "warmup", self.warmup, 1)
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"excess-mtl: expected a flavour out of {get_args(Flavour)}, got {self.flavour!r}")

    @property
    def claims(self) -> frozenset[Claim]:
        """The two flavours differ in the sum of the weights."""
        total = Claim.SUM_TO_TASKS if self.flavour == "official" else Claim.SIMPLEX
        return frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT, total})

    def init(self, sizes: Sizes) -> ExcessMTLState:
        """Equal weights, nothing measured."""
        return ExcessMTLState(sizes.per_task(), sizes.per_element(), sizes.per_task(), sizes.per_task())

    @quiet
    def update(self, evidence: Evidence, state: ExcessMTLState, draws: Draws) -> tuple[Tensor, ExcessMTLState]:
        """The weights after one step, and what the next one is measured by."""
        roots = torch.hypot(state.roots, evidence.gradients)
        # The weights follow from sums over this step's gradients and all before: an accelerator has to be waited for.
        (risks,) = on_host([_excess_risks(evidence.gradients, roots)])
        excess, steps, log_weights = risks.numpy(), state.steps.numpy(), state.log_weights.numpy()
        warming = (steps < self.warmup) & (excess > 0)
        steps = steps + warming
        baselines = state.baselines.numpy() + np.where(warming, excess, 0.0)
        relative = np.where(steps > 0, excess * steps / baselines, 0.0)
        moved = log_weights + self.eta * np.where(warming, 1.0, relative)
        gained = _logsumexp(moved) - _logsumexp(log_weights)
        weights = softmax(moved) * (moved.shape[-1] if self.flavour == "official" else 1)
        return tensors(
            (weights, state._replace(log_weights=moved - gained, roots=roots, baselines=baselines, steps=steps))
        )


def _logsumexp(logs: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B 1"]:
    largest = logs.max(-1, keepdims=True)
    return largest + np.log(np.exp(logs - largest).sum(-1, keepdims=True))


def _excess_risks(gradients: Float[Tensor, "*B K D"], roots: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B K"]:
    """How far every task is from convergence; ``roots`` are at least as large as the gradients' elements."""
    shares = (gradients / roots).nan_to_num_(nan=0.0)  # where no gradient ever was, 0 is divided by 0
    return shares.mul_(gradients).sum(-1)
