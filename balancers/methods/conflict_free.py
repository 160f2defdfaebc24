"""ConFIG: the update has the same cosine with every task's gradient, and the length of their projections on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.spectral import conflict_free_weights
from balancers.solvers.spectral import proportional_projections


@register("config")
@dataclass(frozen=True)
class ConFIG(Preferring):
    r"""Conflict-free inverse gradients.

    With the unit gradients in the rows of U,

    .. math::
        u = \Bigl(\sum_i g_i \cdot \hat u\Bigr) \hat u, \qquad \hat u = \frac{U^+ \mathbf 1}{\|U^+ \mathbf 1\|}.

    Since :math:`U^+ \mathbf 1 = U^\top C^+ \mathbf 1` for the cosines :math:`C = U U^\top`, the Gramian is enough. If C
    has full rank, all cosines with the update are equal and positive, so that no loss increases.

    Where C is singular there may be no vector with equal cosines. Then :math:`\hat u` is the direction of least
    squares, and the step is counted as unsolved: it never increases the sum of the losses, but may increase some of
    them. For two opposite gradients nothing is left of it, and the weights are zero. The official code solves the same
    least-squares problem by default with a routine that takes full rank for granted on a GPU. A task whose gradient is
    zero has no influence and no weight.

    The momentum variant, M-ConFIG, is another method.

    Example:
        The unit gradients are (1, 0) and (-0.6, 0.8). The update halves the angle between them, and its length is the
        sum of both projections, 6 / 5 ** 0.5.

        >>> from balancers import probe
        >>> probe("config", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[3, 0.6], update=[1.2, 2.4])

    Attributes:
        preference: p in the place of :math:`\mathbf 1`, to which the cosines with the update are proportional: one
            positive number per task (in a `Balancer` also a mapping by task name). Equal unless given.

    Reference: Liu et al., ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks, ICLR 2025,
    Equation 2.
    """

    preference: Sequence[float] | None = None

    purpose = "gives the update the same cosine with every task's gradient"
    paper = "Liu et al., ICLR 2025"
    version = 2
    needs = Need.GRAMIAN
    heads = "own"
    degree = 1

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        return self.symmetric

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """Cosines in the proportions of the shares, or what comes nearest."""
        if is_single(evidence.gramian):
            return solved_by(conflict_free_weights, evidence.gramian, shares, evidence.resolution)
        norms = evidence.norms
        solution = proportional_projections(evidence.cosines, shares * shares.shape[-1], evidence.resolution)
        projections = (evidence.cosines @ solution.point[..., None]).squeeze(-1)
        square = (solution.point * projections).sum(-1, keepdim=True)
        length = (norms * projections).sum(-1, keepdim=True)
        shares = torch.where(square > 0, solution.point * (length / square), 0.0)
        return solution._replace(point=torch.where(norms > 0, shares / norms, 0.0))
