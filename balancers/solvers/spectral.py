"""Cosines of gradients by their eigenvalues: which of them stand for a direction, and which are rounding."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.arrays import is_single
from balancers.contract.exactness import COSINE, DOUBLE, least_eigenvalue
from balancers.contract.solution import Solution
from balancers.solvers.cosines import products_with
from balancers.solvers.single.arrays import solved_by
from balancers.solvers.single.spectral import given_projections
from balancers.solvers.tolerances import ACCURATE


class Spectrum(NamedTuple):
    """Eigenvalues in ascending order, unit eigenvectors in columns, and which eigenvalues are above rounding.

    Example:
        >>> import torch
        >>> from balancers.solvers.spectral import spectrum
        >>> spectrum(torch.ones(2, 2, dtype=torch.float64)).kept.tolist()  # two equal gradients have one direction
        [False, True]
    """

    values: Float[Tensor, "*B K"]
    vectors: Float[Tensor, "*B K K"]
    kept: Bool[Tensor, "*B K"]


def spectrum(cosines: Float[Tensor, "*B K K"], resolution: float = DOUBLE) -> Spectrum:
    """The eigenvalues of a matrix of cosines; with the norms divided out, one tolerance fits all gradients.

    Example:
        >>> import torch
        >>> from balancers.solvers.spectral import spectrum
        >>> spectrum(torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)).values.round(decimals=3).tolist()
        [0.4, 1.6]
    """
    values, vectors = torch.linalg.eigh(cosines)
    return Spectrum(values, vectors, values > least_eigenvalue(values.shape[-1], resolution))


def equal_projections(cosines: Float[Tensor, "*B K K"], resolution: float = DOUBLE) -> Solution:
    """The shortest combination of unit gradients with projection 1 on each of them (`proportional_projections`).

    Example:
        >>> import torch
        >>> from balancers.solvers.spectral import equal_projections
        >>> cosines = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)
        >>> equal_projections(cosines).point.round(decimals=3).tolist()  # 1 / (1 - 0.6) each
        [2.5, 2.5]
    """
    return proportional_projections(cosines, torch.ones_like(cosines[..., 0]), resolution)


def proportional_projections(
    cosines: Float[Tensor, "*B K K"], projections: Float[Tensor, "*B K"], resolution: float = DOUBLE
) -> Solution:
    r"""The shortest combination of unit gradients with projections p on them: :math:`x = C^+ p`.

    A gradient of norm zero has no influence and gets 0. Where no vector has such projections, which takes a singular
    C, the point is the one of least squares, and exactly 0 where nothing is left of it but rounding, as for two
    opposite gradients. The residual is the largest difference of a projection from p, relative to p, and at least what
    rounding may have changed of it.

    Example:
        >>> import torch
        >>> from balancers.solvers.spectral import proportional_projections
        >>> cosines = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)
        >>> point = proportional_projections(cosines, torch.tensor([1.0, 3.0], dtype=torch.float64)).point
        >>> [round(number, 3) for number in (cosines @ point).tolist()]
        [1.0, 3.0]
    """
    if is_single(cosines):
        return solved_by(given_projections, cosines, projections, resolution)
    present = (cosines.diagonal(dim1=-2, dim2=-1) > 0).to(cosines.dtype)
    target = projections * present
    values, vectors, kept = spectrum(cosines, resolution)
    along = torch.where(kept, (target[..., None, :] @ vectors).squeeze(-2), 0.0)
    some = along.norm(dim=-1) > least_eigenvalue(target.shape[-1], resolution) ** 0.5 * target.norm(dim=-1)
    coefficients = torch.where(kept & some[..., None], along / values, 0.0)
    point = (vectors @ coefficients[..., None]).squeeze(-1) * present
    rounding = COSINE * products_with(cosines.abs(), point.abs())
    violation = torch.maximum((products_with(cosines, point) - target).abs(), rounding)
    residual = torch.where(present > 0, violation / projections, 0.0).amax(-1)
    return Solution(point, residual, residual < ACCURATE)
