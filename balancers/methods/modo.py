"""MoDo: the min-norm combination, followed step by step on two independent batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.contract.space import Interval, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need, Sizes, Weighting
from balancers.solvers.simplex import project_onto_simplex, shares


class MoDoState(NamedTuple):
    """The weights up to a factor."""

    parts: Float[Tensor, "*B K"]


@register("modo")
@dataclass(frozen=True)
class MoDo(Weighting[MoDoState]):
    r"""Multi-objective gradient with double sampling.

    With the task gradients :math:`J_1` and :math:`J_2` on two independent batches,
    :math:`\lambda \leftarrow \Pi_\Delta(\lambda - \gamma (J_1 J_2^\top + \rho I) \lambda)` with the projection onto
    the simplex, from equal weights on. On one batch, :math:`J J^\top` would be a biased estimate.

    The update is :math:`J_3^\top \lambda` with a third batch, the first in a call of `Balancer.backward` with two in
    ``others``. With one in ``others`` it is :math:`J_1^\top \lambda`, where the paper has the mean
    :math:`\tfrac12 (J_1 + J_2)^\top \lambda`; both forms are in the authors' code. Some of that code adds the two up,
    which doubles the update, and a port gives the heads the mean of all three batches. Here heads follow the batch of
    the update.

    As in the paper, :math:`\gamma` and :math:`\rho` are not free of scale: gradients c times as long ask for
    :math:`\gamma / c^2` and :math:`c^2 \rho`.

    Example:
        With both batches alike, the step moves equal weights to (0.595, -0.605). The nearest point of the simplex is a
        corner.

        >>> from balancers import probe
        >>> probe("modo", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[1, 0], update=[1, 0])

    Attributes:
        gamma: step size of the weights. The default is the value of the authors' code; a well-known port has 0.001.
        rho: pull of the weights towards equality.

    Reference: Chen et al., Three-Way Trade-Off in Multi-Objective Learning: Optimization, Generalization and
    Conflict-Avoidance, JMLR 2024; first at NeurIPS 2023.
    """

    gamma: float = 0.1
    rho: float = 0.1

    purpose = "follows the min-norm combination step by step, on two independent batches"
    paper = "Chen et al., JMLR 2024"
    needs = Need.CROSS_GRAMIAN
    space = searching(gamma=Interval(1e-3, 0.1, log=True), rho=Interval(1e-3, 1.0, log=True))
    heads = "own"
    claims = frozenset({Claim.NON_NEGATIVE, Claim.SIMPLEX, Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if not 0 < self.gamma < float("inf"):
            raise ValueError(f"modo: expected a positive gamma, got {self.gamma}")
        if not 0 <= self.rho < float("inf"):
            raise ValueError(f"modo: expected a rho of at least 0, got {self.rho}")

    def init(self, sizes: Sizes) -> MoDoState:
        """Equal weights."""
        return MoDoState(sizes.per_task() + 1)

    def update(self, evidence: Evidence, state: MoDoState, draws: Draws) -> tuple[Tensor, MoDoState]:
        """The weights after one projected step."""
        weights, total = shares(state.parts)
        slope = (evidence.cross_gramian @ weights[..., None]).squeeze(-1) + self.rho * weights
        weights = project_onto_simplex(weights - self.gamma * slope)
        return weights, MoDoState(weights * total)
