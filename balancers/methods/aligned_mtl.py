"""Aligned-MTL: the gradients are replaced by the nearest ones that are orthogonal and equally long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.solving import Solving
from balancers.contract.space import Choice, searching
from balancers.contract.weighting import Claim, Draws, Evidence, Need
from balancers.solvers.spectral import spectrum

Scale = Literal["min", "median", "rmse"]
Flavour = Literal["paper", "official"]


@register("aligned-mtl")
@dataclass(frozen=True)
class AlignedMTL(Solving):
    r"""Alignment of principal components.

    With the Gramian :math:`G = V \Lambda V^\top`, over the eigenvalues that are not zero,

    .. math::
        w = \sqrt\lambda\, V \Lambda^{-1/2} V^\top m, \qquad m = \mathbf 1 / K,

    where λ is the smallest of these eigenvalues, or another of the ``scale``. The gradients
    :math:`\hat g_i = \sqrt\lambda\, (V \Lambda^{-1/2} V^\top J)_i` have the Gramian :math:`\lambda V V^\top`.

    How many eigenvalues are zero is decided on the cosines of the gradients, so that a short gradient is not taken for
    a missing one. The official code decides on the Gramian with a tolerance for float32, and its update jumps by
    orders of magnitude where the smallest eigenvalue crosses that. The eigenvalues themselves come from the singular
    values of a factor of the Gramian, which are accurate when norms differ by many orders of magnitude.

    Example:
        The smallest eigenvalue of the Gramian is 0.631. Both aligned gradients have its square root, 0.794, as length,
        and they are orthogonal: their mean is 0.562 long.

        >>> from balancers import probe
        >>> probe("aligned-mtl", gradients=[[1, 0], [-3, 4]], losses=[1, 4])
        Response(weights=[0.545, 0.136], update=[0.136, 0.545])

    Attributes:
        scale: the eigenvalue that sets the length: "min" as in the paper, "median" (the lower one of two), or "rmse",
            their mean.
        flavour: "official" has m = 1, the sum of the aligned gradients in the place of their mean.

    Reference: Senushkin et al., Independent Component Alignment for Multi-Task Learning, CVPR 2023, Algorithm 1.
    """

    scale: Scale = "min"
    flavour: Flavour = "paper"

    purpose = "replaces the gradients by the nearest ones that are orthogonal and of one length"
    paper = "Senushkin et al., CVPR 2023"
    needs = Need.GRAMIAN
    space = searching(scale=Choice(("min", "median", "rmse")))
    heads = "own"
    degree = 1
    claims = frozenset({Claim.PERMUTATION_EQUIVARIANT})

    def __post_init__(self) -> None:
        if self.scale not in get_args(Scale):
            raise ValueError(f"aligned-mtl: expected scale to be one of {get_args(Scale)}, got {self.scale!r}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"aligned-mtl: expected flavour to be one of {get_args(Flavour)}, got {self.flavour!r}")

    def solve(self, evidence: Evidence, draws: Draws) -> Solution:
        """The weights of the mean, or of the sum, of the aligned gradients."""
        norms = evidence.norms
        largest = norms.amax(-1, keepdim=True)
        relative = torch.where(largest > 0, norms / largest, 0.0)
        values, vectors, kept = spectrum(evidence.cosines)
        roots = torch.where(kept, values, 0.0).sqrt()
        left, singular, _ = torch.linalg.svd(relative[..., :, None] * vectors * roots[..., None, :])
        inside = (torch.arange(norms.shape[-1], device=norms.device) < kept.sum(-1, keepdim=True)) & (singular > 0)
        singular = torch.where(inside, singular, 0.0)
        length = self._length(singular, inside.sum(-1, keepdim=True))
        wanted = torch.full_like(norms, 1 / norms.shape[-1] if self.flavour == "paper" else 1.0)
        along = length * torch.where(inside, (wanted[..., None, :] @ left).squeeze(-2), 0.0)
        weights = (left @ torch.where(inside, along / singular, 0.0)[..., None]).squeeze(-1)
        gramian = relative[..., :, None] * evidence.cosines * relative[..., None, :]
        residual = _residual(gramian, weights, left, singular * along)
        return Solution(weights, residual, torch.ones_like(residual, dtype=torch.bool))

    def _length(self, singular: Float[Tensor, "*B K"], rank: Tensor) -> Float[Tensor, "*B 1"]:
        """The length of the aligned gradients, from the singular values in descending order."""
        if self.scale == "rmse":
            return (singular.square().sum(-1, keepdim=True) / rank.clamp(min=1)).sqrt()
        place = rank - 1 if self.scale == "min" else rank // 2
        return singular.take_along_dim(place.clamp(min=0), -1)


def _residual(
    gramian: Float[Tensor, "*B K K"],
    weights: Float[Tensor, "*B K"],
    left: Float[Tensor, "*B K K"],
    along: Float[Tensor, "*B K"],
) -> Float[Tensor, "*B"]:
    """Relative error between the update's products with the gradients and their required values."""
    have, want = gramian @ weights[..., None], left @ along[..., None]
    magnitude = gramian.abs() @ weights.abs()[..., None] + left.abs() @ along.abs()[..., None]
    return torch.where(magnitude > 0, (have - want).abs() / magnitude, 0.0).amax((-2, -1))
