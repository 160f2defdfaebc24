"""Cosines and norms of K gradients, from their Gramian: what the solvers of this room calculate on.

The solvers work on cosines, so that neither the scale of the losses nor gradients whose norms differ by many orders of
magnitude cost accuracy, and no tolerance is absolute. Singular Gramians are welcome: where several points are optimal,
a solver returns one of them, and all of them combine the gradients to the same vector.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from balancers.contract.exactness import COSINE, DOUBLE, least_eigenvalue
from balancers.solvers.programmes import flat, nonnegative
from balancers.solvers.tolerances import NARROW, RIDGE


class Angles(NamedTuple):
    """A Gramian with the norms divided out; the cosine with a gradient of norm 0 is 0.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import angles
        >>> angles(torch.tensor([[1.0, -3.0], [-3.0, 25.0]])).norms.tolist()
        [1.0, 5.0]
    """

    cosines: Float[Tensor, "*B K K"]
    norms: Float[Tensor, "*B K"]


class Hull(NamedTuple):
    """Where the convex hull of unit gradients lies.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import hull_of
        >>> hull_of(torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)).contains_zero.item()
        True
    """

    contains_zero: Bool[Tensor, "*B"]  # up to rounding
    distance: Float[Tensor, "*B"]  # of zero, relative to the norm of the coefficients; 1 where it is not small


def angles(gramian: Float[Tensor, "*B K K"]) -> Angles:
    """Cosines and norms; cosines that rounding made indefinite are replaced by the nearest ones that are not.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import angles
        >>> round(angles(torch.tensor([[1.0, -3.0], [-3.0, 25.0]])).cosines[0, 1].item(), 3)
        -0.6
    """
    norms = gramian.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    inverse = torch.where(norms > 0, 1 / norms, 0.0)
    cosines = gramian * inverse[..., :, None] * inverse[..., None, :]
    ridge = RIDGE * torch.eye(gramian.shape[-1], dtype=gramian.dtype, device=gramian.device)
    if torch.linalg.cholesky_ex(cosines + ridge).info.any():
        values, vectors = torch.linalg.eigh(cosines)
        cosines = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
    return Angles(cosines, norms)


def length_of(cosines: Float[Tensor, "*B K K"], point: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
    """Norm of a combination of unit gradients.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import length_of
        >>> length_of(torch.eye(2), torch.tensor([3.0, 4.0])).item()
        5.0
    """
    return (point * products_with(cosines, point)).sum(-1).clamp(min=0).sqrt()


def sums_to_zero(
    cosines: Float[Tensor, "*B K K"], point: Float[Tensor, "*B K"], resolution: float = DOUBLE
) -> Bool[Tensor, "*B"]:
    """Whether a combination of unit gradients is zero up to rounding.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import sums_to_zero
        >>> opposite = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        >>> sums_to_zero(opposite, torch.tensor([2.0, 2.0])).item()
        True
        >>> sums_to_zero(opposite, torch.tensor([2.0, 1.0])).item()
        False
    """
    square, size = length_of(cosines, point).square(), point.abs().sum(-1)
    return square <= resolution**2 * point.square().sum(-1) + COSINE * size**2


def hull_contains_zero(cosines: Float[Tensor, "*B K K"], resolution: float = DOUBLE) -> Bool[Tensor, "*B"]:
    """Whether the convex hull of the gradients that are not zero contains zero, up to rounding: Pareto stationarity.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import hull_contains_zero
        >>> cosines = torch.tensor([[[1.0, -1.0], [-1.0, 1.0]], [[1.0, -0.6], [-0.6, 1.0]]], dtype=torch.float64)
        >>> hull_contains_zero(cosines).tolist()
        [True, False]
    """
    return _hull(cosines, least_eigenvalue(cosines.shape[-1], resolution), resolution).contains_zero


def hull_of(cosines: Float[Tensor, "*B K K"], resolution: float = DOUBLE) -> Hull:
    """`hull_contains_zero`, and how far from zero the hull is where that is less than `NARROW`; else 1.

    So wide is the cone of the vectors that conflict with none of the gradients: what is right up to an error is the
    nearest such vector up to that error over this distance.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import hull_of
        >>> nearly = torch.tensor([[1.0, 0.0], [-1.0, 1e-4]], dtype=torch.float64)
        >>> f"{hull_of(nearly @ nearly.T).distance.item():.1e}", hull_of(torch.eye(2).double()).distance.item()
        ('7.1e-05', 1.0)
    """
    return _hull(cosines, NARROW**2, resolution)


def _hull(cosines: Float[Tensor, "*B K K"], least: float, resolution: float) -> Hull:
    """The hull, looked at only where a combination is shorter than the root of ``least`` times its norm."""
    matrices = flat(cosines)
    present = matrices.diagonal(dim1=-2, dim2=-1)
    suspects = torch.linalg.cholesky_ex(matrices + torch.diag_embed(torch.where(present > 0, -least, 1.0))).info > 0
    contains, distance = torch.zeros_like(suspects), torch.ones_like(present[..., 0])
    if suspects.any():
        some, ones = matrices[suspects], present[suspects]
        shortest = nonnegative(some + ones[..., :, None] * ones[..., None, :], ones).point
        contains[suspects] = sums_to_zero(some, shortest, resolution)
        near = length_of(some, shortest) / shortest.norm(dim=-1)
        distance[suspects] = torch.where(near < NARROW, near, 1.0)
    return Hull(contains.reshape(cosines.shape[:-2]), distance.reshape(cosines.shape[:-2]))


def products_with(cosines: Float[Tensor, "*B K K"], point: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
    """Inner products of every unit gradient with a combination of them.

    Example:
        >>> import torch
        >>> from balancers.solvers.cosines import products_with
        >>> products_with(torch.tensor([[1.0, -0.5], [-0.5, 1.0]]), torch.tensor([2.0, 1.0])).tolist()
        [1.5, 0.0]
    """
    return (cosines @ point[..., None]).squeeze(-1)
