"""GO4Align: tasks are grouped by how their losses stand, and a group shares one weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import in_numpy, quiet, tensors
from balancers.contract.counts import require_count
from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.positive import inverse
from balancers.solvers.simplex import softmax

Flavour = Literal["paper", "official"]


class GO4AlignState(NamedTuple):
    """The sum of all losses so far."""

    risks: Float[Tensor, "*B K"]


@register("go4align")
@dataclass(frozen=True)
class GO4Align(Weighting[GO4AlignState]):
    r"""Adaptive group risk minimization.

    Every task has an indicator :math:`\gamma_i = p_i q_i`, the product of its scale :math:`p_i = \bar\ell / \ell_i`
    with :math:`\bar\ell` the mean of the losses, and of its history :math:`q_i \propto q_i\,e^{-\beta \ell_i}`, which
    starts equal and sums to 1. The indicators are clustered by K-means into groups, and the weight of a task is the
    centre of its group.

    K-means in one dimension has an exact solution, which is computed here: the least sum of squared distances. The
    official code takes the local one that a new random start leads to in every step. It also takes the sum of the
    losses for their mean, which makes its weights K times as large; this is ``flavour="official"``. A task at loss 0
    has indicator 0. The weights have no fixed sum.

    Example:
        The scales are 2.5 / 1 and 2.5 / 4, the shares of the history nearly 1/2 each. Two tasks make two groups.

        >>> from balancers import probe
        >>> probe("go4align", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.25, 0.312], update=[0.313, 1.25])

    Attributes:
        groups: the number of groups, at most the number of tasks; one gives every task the mean of the indicators. The
            paper's value for three tasks (NYUv2) is 2, for eleven (QM9) 5.
        beta: how fast the history follows the losses, per unit of loss; tuned in the paper, the official code's value.
        flavour: "paper" or "official".

    Reference: Shen et al., GO4Align: Group Optimization for Multi-Task Alignment, NeurIPS 2024, Equations 3 and 5 to 7.
    """

    groups: int = 2
    beta: float = 1e-4
    flavour: Flavour = "paper"

    purpose = "groups the tasks by their losses; a group shares one weight"
    paper = "Shen et al., NeurIPS 2024"
    needs = Need.LOSSES
    space = searching(beta=Interval(1e-5, 1e-2, log=True))
    positive_losses = True
    claims = frozenset({Claim.NON_NEGATIVE, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        require_count("go4align", "groups", self.groups, 1)
        if not 0 <= self.beta < float("inf"):
            raise ValueError(f"go4align: expected a beta of at least 0, got {self.beta}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"go4align: expected a flavour out of {get_args(Flavour)}, got {self.flavour!r}")

    def init(self, sizes: Sizes) -> GO4AlignState:
        """No losses yet."""
        return GO4AlignState(sizes.per_task())

    @quiet
    def update(self, evidence: Evidence, state: GO4AlignState, draws: Draws) -> tuple[Tensor, GO4AlignState]:
        """The centres of the groups, from indicators that include this step's losses."""
        losses = evidence.losses.numpy()
        risks = state.risks.numpy() + losses
        factor = losses.shape[-1] if self.flavour == "official" else 1
        indicators = factor * losses.mean(-1, keepdims=True) * inverse(losses) * softmax(-self.beta * risks)
        return tensors(centres(indicators, self.groups)), GO4AlignState(tensors(risks))


@in_numpy
def centres(values: Float[np.ndarray, "*B K"], groups: int) -> Float[np.ndarray, "*B K"]:
    """The mean of each value's group in the best partition into groups, in the sense of least squares.

    The best groups are neighbours on the line, so that dynamic programming over the sorted values finds them.

    Example:
        >>> import torch
        >>> from balancers.methods.go4align import centres
        >>> centres(torch.tensor([1.0, 9.0, 2.0], dtype=torch.float64), groups=2).tolist()  # 1 and 2 form a group
        [1.5, 9.0, 1.5]
    """
    tasks = values.shape[-1]
    order = values.argsort(-1)
    ordered = np.take_along_axis(values, order, -1)
    costs = _interval_costs(ordered)
    best, starts = costs[..., 0, :], []
    for _ in range(1, min(groups, tasks)):
        before = np.full_like(best, np.inf)  # the least cost of all values before the one that starts a group
        before[..., 1:] = best[..., :-1]
        totals = before[..., :, None] + costs
        starts.append(totals.argmin(-2))
        best = totals.min(-2)
    position = np.arange(tasks)
    group = np.zeros_like(order)
    end = np.full_like(order[..., :1], tasks - 1)
    for start in reversed(starts):
        begin = np.take_along_axis(start, end, -1)
        group += position >= begin
        end = np.maximum(begin - 1, 0)
    members = group[..., :, None] == group[..., None, :]
    means = (members * ordered[..., None, :]).sum(-1) / members.sum(-1)
    group_centres = np.empty_like(values)
    np.put_along_axis(group_centres, order, means, -1)
    return group_centres


def _interval_costs(ordered: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K K"]:
    """The sum of squared distances from their mean of the values i, ..., j at [i, j]; infinite where i > j."""
    tasks = ordered.shape[-1]
    costs = np.full((*ordered.shape, tasks), np.inf)
    means, cost = np.zeros_like(ordered), np.zeros_like(ordered)
    for end in range(tasks):
        begun = slice(0, end + 1)  # the intervals that end here; each of them grows by one value
        value, mean = ordered[..., end, None], means[..., begun]
        deviation = value - mean
        moved = mean + deviation / np.arange(end + 1, 0, -1)
        cost[..., begun] += deviation * (value - moved)
        means[..., begun] = moved
        costs[..., begun, end] = cost[..., begun]
    return costs
