"""EPO: losses are brought into the proportions that a preference asks for, and then lowered together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import COSINE
from balancers.contract.preferences import allocate, checked_preference
from balancers.contract.registration import register
from balancers.contract.solution import Certificate, Solution
from balancers.contract.solving import recording
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.cosines import angles, hull_contains_zero, length_of, products_with
from balancers.solvers.linear import LinearProgramme, maximise
from balancers.solvers.min_norm import min_norm
from balancers.solvers.positive import logarithm
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.proportions import proportional_weights
from balancers.solvers.tolerances import ACCURATE

ROUNDING = 4 * COSINE  # a logarithm of a share that differs from its mean by less is equal


class EPOState(NamedTuple):
    """The preference, as it was given, and how well the programmes were solved so far."""

    preference: Float[Tensor, "*B K"]
    residual: Float[Tensor, "*B"]
    fallbacks: Float[Tensor, "*B"]


@register("epo")
@dataclass(frozen=True)
class EPO(Weighting[EPOState]):
    r"""Exact Pareto optimal search: towards the Pareto optimal point at which all :math:`r_i \ell_i` are equal.

    With the preference r, of length 1, and the shares :math:`p_i = r_i \ell_i / \sum_j r_j \ell_j`, the losses are
    balanced where the non-uniformity :math:`\mu = \sum_i p_i \log K p_i` is 0. The step that changes the losses against
    the slope of μ follows :math:`a_i = r_i (\log K p_i - \mu)`; with the Gramian G, :math:`b = G a` says how fast it
    would lower each loss. The weights are K times a point α of the simplex that solves one of two linear programmes:

    - balance, as long as μ is above ``tolerance``: maximise :math:`b^\top \alpha`. If any b is positive, the losses
      with the largest :math:`r_i \ell_i` must not increase, and the others with :math:`b_j \le 0` may increase no
      faster than b says: :math:`(G \alpha)_j \ge b_j`; for those with :math:`b_j > 0` there is no bound. If none is
      positive, no loss may increase.
    - descend, after that: maximise the sum of :math:`G \alpha`, while no loss increases, nor does μ:
      :math:`b^\top \alpha \ge \min(0, \max_j b_j)`.

    Several α may be optimal; the one taken is a vertex, and the order of the tasks may decide which. Where no α meets
    the bounds, or where losses should descend together at a Pareto stationary point, the weights are K times those of
    the shortest vector in the convex hull of the gradients, which increase no loss, and the step counts as a fallback.
    The residual of the other steps is that of their programme, relative to its terms, and the largest violation of a
    bound, in units of :math:`\|g_j\|` and the length of the update. No weight is above K; a task with weight 0 has a
    head that stands still in that step.

    The rule is that of the official code, which solves the programmes with a tolerance of 1e-7, or with the weights
    r / Σr where that fails. Its multiplication by K, in the scripts for multi-task learning, is kept. Those scripts
    measure the gradients at all parameters, heads included (``whole_model``). Here r has length 1, as in the script for
    MultiMNIST; in those for tables it sums to 1. The bounds of the balancing programme grow with it. The code ignores
    shares below 2e-16 in μ; here a loss of 0 counts as the smallest positive number of single precision in the
    logarithms.

    Example:
        The second loss is 4/5 of the sum: μ = 0.193, a = (-0.784, 0.196) and b = (-1.372, 7.254). The first loss may
        increase at a rate of 1.372, which is where the update below ends: it raises the first loss by half of 2.745.
        When the losses are equal, the update lowers both as fast as possible in sum, and neither may increase.

        >>> from balancers import probe
        >>> probe("epo", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.814, 1.186], update=[-2.745, 4.745])
        >>> probe("epo", gradients=[[1, 0], [-3, 4]], losses=[1, 1])
        Response(weights=[1.5, 0.5], update=[0, 2])

    Attributes:
        preference: r, one positive number per task, in the order of the tasks (or, in a `Balancer`, a mapping by task
            name): a task with twice the number ends at half the loss. Equal unless given.
        tolerance: the largest μ at which the losses count as balanced.

    Reference: Mahapatra and Rajan, Multi-Task Learning with User Preferences: Gradient Descent with Controlled Ascent
    in Pareto Optimization, ICML 2020; the linear programmes of the official code.
    """

    preference: Sequence[float] | None = None
    tolerance: float = 1e-4

    purpose = "brings the losses into preferred proportions and then lowers them together"
    paper = "Mahapatra and Rajan, ICML 2020"
    needs = Need.LOSSES | Need.GRAMIAN
    space = searching(tolerance=Interval(1e-5, 1e-1, log=True))  # around the value of the official code; chosen here
    positive_losses = True
    degree = 1
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SUM_TO_TASKS})

    def __post_init__(self) -> None:
        object.__setattr__(self, "preference", checked_preference(self.preference, "epo"))
        if not 0 <= self.tolerance < float("inf"):
            raise ValueError(f"epo: expected a tolerance of at least 0, got {self.tolerance}")

    def init(self, sizes: Sizes) -> EPOState:
        """The preference of every replica, and nothing solved yet."""
        return EPOState(allocate(self.preference, sizes, "epo"), sizes.scalar(), sizes.scalar())

    def update(self, evidence: Evidence, state: EPOState, draws: Draws) -> tuple[Tensor, EPOState]:
        """K times the solution of this step's programme."""
        if is_single(evidence.gramian):
            problem = evidence.gramian, evidence.losses, state.preference
            solution = solved_by(proportional_weights, *problem, self.tolerance, evidence.resolution)
            return solution.point, EPOState(state.preference, *recording(self.certificate(state), solution))
        preference = state.preference / state.preference.norm(dim=-1, keepdim=True)
        wanted = programme(evidence, preference, self.tolerance)
        solution = _honest(maximise(wanted), wanted, evidence)
        shortest = min_norm(evidence.gramian, evidence.resolution).point
        point = torch.where(solution.solved[..., None], solution.point, shortest)
        return point * point.shape[-1], EPOState(state.preference, *recording(self.certificate(state), solution))

    def certificate(self, state: EPOState) -> Certificate:
        """The record of residuals and fallbacks."""
        return Certificate(state.residual, state.fallbacks)


def _honest(solution: Solution, wanted: LinearProgramme, evidence: Evidence) -> Solution:
    """The solution, with bounds that are met to the rounding of the update and not only of its terms."""
    cosines, norms = angles(evidence.gramian)
    parts = solution.point * norms
    length = torch.maximum(length_of(cosines, parts), evidence.resolution * parts.norm(dim=-1))[..., None]
    floors = torch.where(norms > 0, wanted.bounds[..., :-1] / norms, -torch.inf)
    missed = torch.where(length > 0, (floors - products_with(cosines, parts)) / length, 0.0)
    residual = torch.maximum(solution.residual, missed.clamp(min=0).amax(-1))
    together = (wanted.bounds[..., :-1] == 0).all(-1)
    hidden = together & hull_contains_zero(cosines, evidence.resolution)
    return Solution(solution.point, residual, solution.solved & ~hidden & (residual < ACCURATE))


def programme(evidence: Evidence, preference: Float[Tensor, "*B K"], tolerance: float) -> LinearProgramme:
    """The linear programme of a step: to balance the losses, or to lower them together.

    Example:
        >>> import torch
        >>> from balancers.conformance.problems import evidence_of
        >>> from balancers.methods.epo import programme
        >>> rows = torch.tensor([[1.0, 0.0], [-3.0, 4.0]], dtype=torch.float64)
        >>> evidence = evidence_of(rows, torch.tensor([1.0, 4.0], dtype=torch.float64))
        >>> balance = programme(evidence, torch.ones(2, dtype=torch.float64), tolerance=1e-4)
        >>> balance.gains.round(decimals=3).tolist(), balance.bounds.round(decimals=3).tolist()
        ([-1.941, 10.259], [-1.941, 0.0, -inf])
    """
    gramian = evidence.gramian
    weighted = preference * evidence.losses
    slope, uneven = anchor(weighted, preference)
    along = (gramian @ slope[..., None]).squeeze(-1)
    balancing = (uneven > tolerance)[..., None]
    helps = along > 0
    worst = weighted == weighted.amax(-1, keepdim=True)
    rates = torch.where(helps, -torch.inf, along).where(~worst, 0.0).where(helps.any(-1, keepdim=True), 0.0)
    bounds = torch.where(balancing, rates, 0.0)
    no_more_uneven = torch.where(balancing, -torch.inf, along.amax(-1, keepdim=True).clamp(max=0))
    return LinearProgramme(
        torch.where(balancing, along, gramian.sum(-2)),
        torch.cat([gramian, along[..., None, :]], -2),
        torch.cat([bounds, no_more_uneven], -1),
    )


def anchor(
    weighted: Float[Tensor, "*B K"], preference: Float[Tensor, "*B K"]
) -> tuple[Float[Tensor, "*B K"], Float[Tensor, "*B"]]:
    """The combination of the losses whose descent makes them more even, and the non-uniformity that there is.

    Example:
        >>> import torch
        >>> from balancers.methods.epo import anchor
        >>> slope, uneven = anchor(torch.tensor([1.0, 3.0]).double(), torch.ones(2).double())
        >>> slope.round(decimals=3).tolist(), round(uneven.item(), 3)
        ([-0.824, 0.275], 0.131)
    """
    total = weighted.sum(-1, keepdim=True)
    tasks = weighted.shape[-1]
    shares = torch.where(total > 0, weighted / total, 1 / tasks)
    logs = logarithm(shares * tasks)
    uneven = (shares * logs).sum(-1, keepdim=True)
    apart = torch.where((logs - uneven).abs() > ROUNDING, logs - uneven, 0.0)
    return preference * apart, uneven.squeeze(-1)
