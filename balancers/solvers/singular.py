"""Singular values of matrices whose columns differ by many orders of magnitude, each with all its digits."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from balancers.solvers.tolerances import GOOD, ORTHOGONAL, SWEEPS


class SingularValues(NamedTuple):
    """A = U Σ Vᵀ with the values in descending order, and the relative error of every triple.

    Example:
        >>> import torch
        >>> from balancers.solvers.singular import singular_values
        >>> diagonal = torch.diag(torch.tensor([1.0, 3.0], dtype=torch.float64))
        >>> singular_values(diagonal[None], rank=torch.tensor([2])).values.tolist()
        [[3.0, 1.0]]
    """

    left: Float[Tensor, "N K K"]
    values: Float[Tensor, "N K"]
    right: Float[Tensor, "N K K"]
    errors: Float[Tensor, "N K"]


def singular_values(matrix: Float[Tensor, "N K K"], rank: Int[Tensor, "N"]) -> SingularValues:
    """The singular value decomposition, exact for columns of any lengths; triples beyond the rank are set to 0.

    The usual algorithms know a singular value to the rounding of the largest one. Where that is not enough, Jacobi's
    rotations make the columns orthogonal: as they never mix a long column into a short one, every singular value of
    :math:`B D`, with D diagonal, is as exact as the condition of B allows.

    Example:
        >>> import torch
        >>> from balancers.solvers.singular import singular_values
        >>> columns = torch.tensor([[1.0, 1e-12], [1.0, -1e-12]], dtype=torch.float64)
        >>> values = singular_values(columns[None], rank=torch.tensor([2])).values
        >>> [f"{value:.12e}" for value in values[0].tolist()]
        ['1.414213562373e+00', '1.414213562373e-12']

    Reference: Demmel and Veselić, Jacobi's Method is More Accurate than QR, SIAM Journal on Matrix Analysis and
    Applications 1992.
    """
    left, values, right = torch.linalg.svd(matrix)
    plain = _ranked(matrix, left, values, right.mT, rank)
    rough = (plain.errors > GOOD).any(-1)
    if not rough.any():
        return plain
    exact = _jacobi(matrix[rough], rank[rough])
    for whole, part in zip(plain, exact, strict=True):
        whole[rough] = part
    return plain


def _ranked(matrix: Tensor, left: Tensor, values: Tensor, right: Tensor, rank: Tensor) -> SingularValues:
    """The triples up to the rank, with the relative violations of A v = σ u and of orthogonality."""
    counted = torch.arange(values.shape[-1], device=rank.device) < rank[:, None]
    kept = counted & (values > 0)
    values, left = torch.where(kept, values, 0.0), torch.where(kept[:, None, :], left, 0.0)
    missed = (matrix @ right - left * values[:, None, :]).norm(dim=-2) / values
    eye = torch.diag_embed(kept.to(values.dtype))
    right = torch.where(kept[:, None, :], right, 0.0)
    skew = torch.maximum((left.mT @ left - eye).abs(), (right.mT @ right - eye).abs()).amax(-2)
    return SingularValues(left, values, right, torch.where(kept, missed + skew, torch.where(counted, torch.inf, 0.0)))


def _jacobi(matrix: Float[Tensor, "N K K"], rank: Int[Tensor, "N"]) -> SingularValues:
    """One-sided Jacobi on the columns, from long to short ones; disjoint pairs are rotated together."""
    size = matrix.shape[-1]
    order = matrix.norm(dim=-2).argsort(-1, descending=True)
    columns = matrix.take_along_dim(order[:, None, :], -1)
    right = torch.eye(size, dtype=matrix.dtype, device=matrix.device)[order].mT.contiguous()
    rounds = _rounds(size)
    for _ in range(SWEEPS):
        largest = 0.0
        for pair in rounds:
            first, second = columns[..., pair[0]], columns[..., pair[1]]
            a, b, mixed = first.square().sum(-2), second.square().sum(-2), (first * second).sum(-2)
            cosine = torch.where((a > 0) & (b > 0), mixed.abs() / (a.sqrt() * b.sqrt()), 0.0)
            largest = max(largest, float(cosine.max()))
            ratio = (b - a) / (2 * mixed)
            tangent = torch.where(ratio >= 0, 1.0, -1.0) / (ratio.abs() + torch.hypot(ratio, torch.ones_like(ratio)))
            tangent = torch.where(cosine > ORTHOGONAL / 10, tangent, 0.0)[:, None, :]
            cos = torch.rsqrt(1 + tangent.square())
            for part in (columns, right):
                one, two = part[..., pair[0]], part[..., pair[1]]
                part[..., pair[0]], part[..., pair[1]] = cos * (one - tangent * two), cos * (two + tangent * one)
        if largest <= ORTHOGONAL:
            break
    values, order = columns.norm(dim=-2).sort(-1, descending=True)
    columns, right = (part.take_along_dim(order[:, None, :], -1) for part in (columns, right))
    left = torch.where(values[:, None, :] > 0, columns / values[:, None, :], 0.0)
    return _ranked(matrix, left, values, right, rank)


def _rounds(size: int) -> list[Tensor]:
    """Pairs (2, P) of columns so that every two meet once, each column in one pair of a round."""
    players = [*range(size), *([-1] if size % 2 else [])]
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        rounds.append(torch.tensor([sorted(pair) for pair in pairs if -1 not in pair]).T.reshape(2, -1))
        players = [players[0], players[-1], *players[1:-1]]
    return [pairs for pairs in rounds if pairs.numel()]
