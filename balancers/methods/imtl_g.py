"""IMTL-G: the update has the same projection on every task's gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import DOUBLE
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.solving import Solving
from balancers.contract.weighting import Claim, Draws, Evidence, Need
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.spectral import impartial_weights
from balancers.solvers.spectral import equal_projections
from balancers.solvers.tolerances import ACCURATE


@register("imtl-g")
@dataclass(frozen=True)
class IMTLG(Solving):
    r"""Impartial gradients: :math:`u \cdot g_i / \|g_i\|` is the same for all i, and the weights sum to 1.

    With cosines C and norms n the weights are proportional to :math:`v_i = x_i / n_i`, :math:`C x = \mathbf 1`; the
    paper's closed form is the same in another basis. It divides v by its sum, which is negative for some sets of three
    or more gradients: the one vector with equal projections and weights that sum to 1 then increases every loss. Here
    such a step is counted as unsolved, and v is divided by the sum of its absolute values instead, so that all losses
    decrease; so it is where the sum is zero to rounding.

    Where C is singular and no vector has equal projections, x is the solution of least squares, divided in the same
    way, and the step is counted as unsolved too; two opposite gradients get weights of zero. A task whose gradient is
    zero has no influence and no weight. Public implementations invert a matrix without a guard, or add 1e-8 to it when
    that fails.

    The paper measures gradients at the shared representation.

    Example:
        The norms are 1 and 5, so that the weights are proportional to 1 and 1/5. The projections on both gradients are
        1/3.

        >>> from balancers import probe
        >>> probe("imtl-g", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.833, 0.167], update=[0.333, 0.667])

    Reference: Liu et al., Towards Impartial Multi-Task Learning, ICLR 2021.
    """

    purpose = "gives the update the same projection on every task's gradient"
    paper = "Liu et al., ICLR 2021"
    version = 2
    needs = Need.GRAMIAN
    heads = "own"
    place = "features"
    degree = 1
    claims = frozenset({Claim.PERMUTATION_EQUIVARIANT})

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        """Equal projections, or what comes nearest."""
        if is_single(evidence.gramian):
            return solved_by(impartial_weights, evidence.gramian, 1.0, evidence.resolution)
        return impartial(evidence.cosines, evidence.norms, evidence.resolution)


def impartial(cosines: Float[Tensor, "*B K K"], norms: Float[Tensor, "*B K"], resolution: float = DOUBLE) -> Solution:
    """IMTL-G's weights for gradients with these cosines and norms.

    Example:
        The weights sum to 1, and the update has the same projection on both gradients.

        >>> import torch
        >>> from balancers.methods.imtl_g import impartial
        >>> cosines = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)
        >>> impartial(cosines, torch.tensor([1.0, 5.0], dtype=torch.float64)).point.round(decimals=3).tolist()
        [0.833, 0.167]
    """
    solution = equal_projections(cosines, resolution)
    smallest = torch.where(norms > 0, norms, torch.inf).amin(-1, keepdim=True)
    inverse = torch.where(norms > 0, solution.point * (smallest / norms), 0.0)
    total, size = inverse.sum(-1, keepdim=True), inverse.abs().sum(-1, keepdim=True)
    upright = total > ACCURATE * size
    solved = solution.solved & (upright | (size == 0)).squeeze(-1)
    divisor = torch.where(solved[..., None], total, size)
    weights = torch.where(divisor > 0, inverse / divisor, 0.0)
    return Solution(weights, solution.residual, solved)
