"""PCD: follows one primary task, as long as every other task makes some progress too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single, tensors
from balancers.contract.registration import register
from balancers.contract.solution import Certificate
from balancers.contract.solving import recording
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.cosines import angles, length_of
from balancers.solvers.priority import PriorityProblem, follow_primary
from balancers.solvers.single.arrays import as_solution
from balancers.solvers.single.cosines import length_of as length_of_one
from balancers.solvers.single.cosines import unit_gradients
from balancers.solvers.single.priority import SinglePriority, along_primary


class PCDState(NamedTuple):
    """The primary task (1, others 0), τ, running means of squared norms, and how well the programmes were solved."""

    primary: Float[Tensor, "*B K"]
    tau: Float[Tensor, "*B K"]
    squared_norms: Float[Tensor, "*B K"]
    steps: Float[Tensor, "*B K"]
    residual: Float[Tensor, "*B"]
    fallbacks: Float[Tensor, "*B"]


@register("pcd")
@dataclass(frozen=True)
class PCD(Weighting[PCDState]):
    r"""Priority-constrained descent: the update nearest to the primary task's gradient that all other tasks gain from.

    Gradients are divided by a running estimate of their norms, :math:`\tilde g_i = g_i / \sqrt{\hat v_i}`, where
    :math:`\hat v_i` is the mean of :math:`\|g_i\|^2` over the steps with decay β, corrected for its start at 0 as in
    Adam. Then :math:`\tilde d` is nearest to the primary :math:`\tilde g_1` among all d with
    :math:`\tilde g_j \cdot d \ge \tau \|\tilde g_j\|^2` for all others j. The update is :math:`\tilde d` with the
    length of :math:`g_1`. Nothing keeps the primary loss from rising where τ > 0 and the gradients are opposed.

    There are three exceptions. Where no update meets all constraints, which needs three tasks, the update is
    :math:`g_1`. Where :math:`\tilde d` is zero up to rounding, which needs τ = 0, it is zero. Both count as fallbacks.
    Where :math:`g_1` is zero, or the primary task is absent from the batch, the update is zero: put the primary task
    into every batch. An absent task keeps its running mean. Where gradients cancel, :math:`\tilde d` may be as
    short as τ; bringing it to the length of :math:`g_1` takes weights that grow like 1/τ, without bound for τ = 0.
    Weighted heads get them too.

    The official code adds 1e-8 to :math:`\hat v`, which makes small losses behave differently and is left out. It takes
    the first loss for the primary one, tries all sets of active constraints, up to :math:`2^{K-1}` of them, with
    absolute tolerances of 1e-9, and acts on all parameters; here heads follow their own loss.

    Example:
        The first task is the primary one. In the first step both gradients are divided by their norms. The second
        must make 0.02 of its own progress, and the update is as long as the first gradient.

        >>> from balancers import create, probe
        >>> probe("pcd", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1.25, 0.155], update=[0.785, 0.62])
        >>> probe(create("pcd", primary=1), gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[3.874, 1.25], update=[0.125, 4.998])

    Attributes:
        primary: the position of the primary task; a `Balancer` takes its name too.
        tau: τ, from 0 to 1: the share of the progress of a step along its own gradient that every other task is to
            make; or one number per task, of which the primary task's is not used.
        beta: β, from 0 to below 1.

    Reference: Varam and AlHajri, Not All Objectives Are Born Equal: Priority-Constrained Descent for Hierarchical
    Multi-Objective Optimization, TMLR 2026, Definitions 4.1 and 4.5 and Algorithm 1.
    """

    primary: int | str = 0
    tau: float | Sequence[float] = 0.02
    beta: float = 0.999

    purpose = "follows the gradient of one task as closely as the progress of all others allows"
    paper = "Varam and AlHajri, TMLR 2026"
    needs = Need.GRAMIAN
    task_positions = frozenset({"primary"})
    space = searching(tau=Interval(0.005, 0.5, log=True))  # the official examples try 0 to 0.5
    heads = "own"
    claims = frozenset({Claim.NON_NEGATIVE})
    degree = 1

    def __post_init__(self) -> None:
        if not isinstance(self.primary, int) or isinstance(self.primary, bool) or self.primary < 0:
            raise ValueError(
                f"pcd: expected the primary task's position, counted from 0, got {self.primary!r}; "
                "only a Balancer, which knows the names of the tasks, takes a name"
            )
        taus = tuple(self.tau) if isinstance(self.tau, Sequence) else (self.tau,)
        if not all(0 <= tau <= 1 for tau in taus):
            raise ValueError(f"pcd: expected tau from 0 to 1, got {self.tau}")
        if isinstance(self.tau, Sequence):
            object.__setattr__(self, "tau", taus)  # frozen, and hashable whatever was passed
        if not 0 <= self.beta < 1:
            raise ValueError(f"pcd: expected a beta of at least 0 and below 1, got {self.beta}")

    def init(self, sizes: Sizes) -> PCDState:
        """No gradients seen, nothing solved yet."""
        assert isinstance(self.primary, int), "a Balancer has turned the name into a position"
        if self.primary >= sizes.tasks:
            raise ValueError(f"pcd: the primary task's position is {self.primary}, and there are {sizes.tasks} tasks")
        taus = self.tau if isinstance(self.tau, Sequence) else (self.tau,) * sizes.tasks
        if len(taus) != sizes.tasks:
            raise ValueError(f"pcd: tau has {len(taus)} numbers for {sizes.tasks} tasks; give one, or one each")
        primary, tau = sizes.per_task(), sizes.per_task()
        primary[..., self.primary] = 1.0
        tau += torch.tensor(taus, dtype=tau.dtype, device=tau.device)
        return PCDState(primary, tau, sizes.per_task(), sizes.per_task(), sizes.scalar(), sizes.scalar())

    def update(self, evidence: Evidence, state: PCDState, draws: Draws) -> tuple[Tensor, PCDState]:
        """The weights, and the running means with this step in them."""
        if is_single(evidence.gramian):
            return self._of_one(evidence, state)
        cosines, norms = angles(evidence.gramian)
        steps = state.steps + 1
        squared_norms = self.beta * state.squared_norms + (1 - self.beta) * norms**2
        usual = (squared_norms / (1 - self.beta**steps)).sqrt()
        lengths = torch.where(norms > 0, norms / usual, 0.0)
        problem = PriorityProblem(cosines, lengths, state.primary, state.tau)
        solution = follow_primary(problem, evidence.resolution)
        certificate = recording(self.certificate(state), solution)
        following = state._replace(squared_norms=squared_norms, steps=steps, **certificate._asdict())
        wanted = (state.primary * norms).sum(-1, keepdim=True)
        length = length_of(cosines, solution.point)[..., None]
        directed = (norms > 0) & (length > 0)
        return torch.where(directed, solution.point / norms * (wanted / length), 0.0), following

    def _of_one(self, evidence: Evidence, state: PCDState) -> tuple[Tensor, PCDState]:
        """The same without replicas, on arrays."""
        unit = unit_gradients(evidence.gramian.numpy())
        norms, primary = unit.norms, state.primary.numpy()
        steps = state.steps.numpy() + 1
        squared_norms = self.beta * state.squared_norms.numpy() + (1 - self.beta) * norms**2
        usual = np.sqrt(squared_norms / (1 - self.beta**steps))
        lengths = np.divide(norms, usual, out=np.zeros(len(norms)), where=norms > 0)
        problem = SinglePriority(unit.cosines, lengths, primary, state.tau.numpy())
        solution = along_primary(problem, evidence.resolution)
        certificate = recording(self.certificate(state), as_solution(solution))
        following = state._replace(squared_norms=tensors(squared_norms), steps=tensors(steps), **certificate._asdict())
        length = length_of_one(unit.cosines, solution.point)
        scale = float(primary.dot(norms)) / length if length > 0 else 0.0
        weights = np.divide(solution.point, norms, out=np.zeros(len(norms)), where=norms > 0) * scale
        return tensors(weights), following

    def certificate(self, state: PCDState) -> Certificate:
        """The record of residuals and fallbacks."""
        return Certificate(state.residual, state.fallbacks)
