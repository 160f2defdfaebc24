"""Aligned-MTL: the gradients are replaced by the nearest ones that are orthogonal and equally long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import COSINE, DOUBLE, least_eigenvalue
from balancers.contract.preferring import Preferring
from balancers.contract.registration import register
from balancers.contract.solution import Solution
from balancers.contract.space import Choice, searching
from balancers.contract.weighting import Claim, Evidence, Need
from balancers.solvers.cosines import products_with
from balancers.solvers.programmes import flat, shaped
from balancers.solvers.single.arrays import as_solution
from balancers.solvers.single.singular import aligned_weights
from balancers.solvers.singular import singular_values
from balancers.solvers.spectral import spectrum
from balancers.solvers.tolerances import ACCURATE, FARTHEST

Scale = Literal["min", "median", "rmse"]
Flavour = Literal["paper", "official"]


@register("aligned-mtl")
@dataclass(frozen=True)
class AlignedMTL(Preferring):
    r"""Alignment of principal components.

    With the Gramian :math:`G = V \Lambda V^\top`, over the eigenvalues that are not zero,

    .. math::
        w = \sqrt\lambda\, V \Lambda^{-1/2} V^\top m, \qquad m = \mathbf 1 / K,

    where λ is the smallest of these eigenvalues, or another of the ``scale``. The gradients
    :math:`\hat g_i = \sqrt\lambda\, (V \Lambda^{-1/2} V^\top J)_i` have the Gramian :math:`\lambda V V^\top`.

    How many eigenvalues are zero is decided on the cosines of the gradients, so that a short gradient is not taken for
    a missing one. The official code decides on the Gramian with a tolerance for float32, and its update jumps by
    orders of magnitude where the smallest eigenvalue crosses that. The eigenvalues are the squares of singular values
    of a factor of the Gramian, which are exact when norms differ by many orders of magnitude. Where gradients are
    linearly dependent, many weights give the same update; these have the smallest :math:`\sum_i w_i^2 \|g_i\|^2`.
    Where an eigenvalue of the cosines is so small that rounding may have changed more than a millionth of it, the step
    counts as unsolved, because the length of the update depends on it. So does one in which an eigenvalue is taken for
    zero because the gradients' own rounding could explain it, and one with norms further apart than 70 decades.

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
        preference: m, one positive number per task (in a `Balancer` also a mapping by task name), of which the
            proportions count. Equal unless given.

    Reference: Senushkin et al., Independent Component Alignment for Multi-Task Learning, CVPR 2023, Algorithm 1.
    """

    scale: Scale = "min"
    flavour: Flavour = "paper"
    preference: Sequence[float] | None = None

    purpose = "replaces the gradients by the nearest ones that are orthogonal and of one length"
    paper = "Senushkin et al., CVPR 2023"
    version = 2
    needs = Need.GRAMIAN
    space = searching(scale=Choice(("min", "median", "rmse")))
    heads = "own"
    degree = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale not in get_args(Scale):
            raise ValueError(f"aligned-mtl: expected scale to be one of {get_args(Scale)}, got {self.scale!r}")
        if self.flavour not in get_args(Flavour):
            raise ValueError(f"aligned-mtl: expected flavour to be one of {get_args(Flavour)}, got {self.flavour!r}")

    @property
    def claims(self) -> frozenset[Claim]:
        """A preference makes the order of the tasks matter."""
        return self.symmetric

    def solve_for(self, evidence: Evidence, shares: Float[Tensor, "*B K"]) -> Solution:
        """The weights of the mean, or of the sum, of the aligned gradients."""
        if is_single(evidence.gramian) and (solution := self._of_one(evidence, shares)):
            return solution
        shape = evidence.losses.shape
        cosines, norms = flat(evidence.cosines), evidence.norms.reshape(-1, shape[-1])
        largest = norms.amax(-1, keepdim=True)
        relative = torch.where(largest > 0, norms / largest, 0.0)
        values, vectors, kept = spectrum(cosines, evidence.resolution)
        roots = torch.where(kept, values, 0.0).sqrt()
        # The gradients are D B Q for their norms D, some orthogonal Q, and this B: they are aligned with B' D.
        decomposed = singular_values((vectors * roots[:, None, :]).mT * relative[:, None, :], kept.sum(-1))
        wanted = shares.reshape(norms.shape) * (1 if self.flavour == "paper" else shape[-1])
        aligned = products_with(decomposed.left, products_with(decomposed.right.mT, wanted))
        aligned = aligned * self._length(decomposed.values, kept.sum(-1, keepdim=True))
        parts = products_with(vectors, torch.where(kept, aligned / roots, 0.0))
        weights = torch.where(relative > 0, parts / relative, 0.0)
        residual = _residual(values, kept, decomposed.errors)
        residual = torch.where(((relative > 0) & (relative < FARTHEST)).any(-1), 1.0, residual)
        return shaped(Solution(weights, residual, residual < ACCURATE), shape)

    def _of_one(self, evidence: Evidence, shares: Float[Tensor, "K"]) -> Solution | None:
        """The same without replicas, where the usual decomposition is exact enough."""
        wanted = shares.numpy() * (1 if self.flavour == "paper" else len(shares))
        with np.errstate(all="ignore"):
            solution = aligned_weights(evidence.gramian.numpy(), wanted, self.scale, evidence.resolution)
        return solution and as_solution(solution)

    def _length(self, singular: Float[Tensor, "N K"], rank: Tensor) -> Float[Tensor, "N 1"]:
        """The length of the aligned gradients, from the singular values in descending order."""
        if self.scale == "rmse":
            return (singular.square().sum(-1, keepdim=True) / rank.clamp(min=1)).sqrt()
        place = rank - 1 if self.scale == "min" else rank // 2
        return singular.take_along_dim(place.clamp(min=0), -1)


def _residual(
    values: Float[Tensor, "N K"], kept: Bool[Tensor, "N K"], errors: Float[Tensor, "N K"]
) -> Float[Tensor, "N"]:
    """Relative errors of the decomposition, and what rounding of the cosines did to their smallest eigenvalue.

    An eigenvalue that counts as zero, although the inner products show it, makes it 1.
    """
    tasks = values.shape[-1]
    rounding = torch.where(kept, COSINE * tasks / values, 0.0)
    dropped = torch.where(~kept & (values > least_eigenvalue(tasks, DOUBLE)), 1.0, 0.0)
    return torch.maximum(torch.maximum(errors, rounding), dropped).amax(-1)
