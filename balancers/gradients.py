"""From losses and parameters to task gradients, their Gramian and their combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from balancers.graph import Leaves

PIECE = 1 << 20  # elements of a row that are multiplied at a time


@dataclass(frozen=True)
class TaskGradients:
    """The gradient of every task, at the shared tensors as one flat matrix and at the specific ones as they are."""

    shared: list[Tensor]
    matrix: Float[Tensor, "K D"]
    reached: list[bool]  # for every shared tensor, whether any loss depends on it
    specific: list[list[tuple[Tensor, Tensor]]]  # task -> (parameter, gradient)


def task_gradients(losses: Sequence[Tensor], leaves: Leaves, *, retain_graph: bool = False) -> TaskGradients:
    """One backward pass per task; the graph is freed with the last one unless ``retain_graph``."""
    sizes = [tensor.numel() for tensor in leaves.shared]
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in leaves.shared))
    matrix = torch.zeros(len(losses), sum(sizes), dtype=dtype, device=losses[0].device)
    reached = [False] * len(sizes)
    specific = []
    for row, loss in enumerate(losses):
        gradients = torch.autograd.grad(
            loss,
            [*leaves.shared, *leaves.specific],
            retain_graph=retain_graph or row + 1 < len(losses),
            allow_unused=True,
        )
        at_shared, at_specific = gradients[: len(sizes)], gradients[len(sizes) :]
        for i, (part, gradient) in enumerate(zip(matrix[row].split(sizes), at_shared, strict=True)):
            if gradient is not None:
                part.copy_(_dense(gradient).reshape(-1))
                reached[i] = True
        specific.append([(p, _dense(g)) for p, g in zip(leaves.specific, at_specific, strict=True) if g is not None])
    return TaskGradients(leaves.shared, matrix, reached, specific)


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


def gramian_of(matrix: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B K K"]:
    """Inner products of the rows, in float64 and exactly symmetric."""
    gramian = cross_gramian_of(matrix, matrix)
    return (gramian + gramian.mT) / 2


def cross_gramian_of(left: Float[Tensor, "*B K D"], right: Float[Tensor, "*B K D"]) -> Float[Tensor, "*B K K"]:
    """Inner products of the rows of one matrix with those of another, in float64.

    Rows are scaled by a power of two first, so that no product leaves the range of float32, and long rows are taken in
    pieces, which bounds memory and rounding.
    """
    tasks, length = left.shape[-2:]
    products = torch.zeros(*left.shape[:-1], tasks, dtype=torch.float64, device=left.device)
    if length == 0:
        return products
    scale_left = _scale(left)
    scale_right = scale_left if right is left else _scale(right)
    for piece, other in zip(left.split(PIECE, dim=-1), right.split(PIECE, dim=-1), strict=True):
        scaled = _scaled(piece, scale_left)
        against = scaled if right is left else _scaled(other, scale_right)
        products = products + (scaled @ against.mT).double()
    return products * scale_left.double() * scale_right.double().mT


def _scale(matrix: Tensor) -> Tensor:
    """A power of two for every row, shape (..., K, 1), near its largest element."""
    largest = matrix.abs().amax(-1, keepdim=True).float()
    return torch.where(largest > 0, torch.exp2(torch.floor(torch.log2(largest))), 1.0)


def _scaled(piece: Tensor, scale: Tensor) -> Tensor:
    scaled = piece / scale.to(piece.dtype)
    return scaled if scaled.dtype == torch.float64 else scaled.float()


def combine(
    weights: Float[Tensor, "*B K"] | Float[Tensor, "*B K D"], matrix: Float[Tensor, "*B K D"]
) -> Float[Tensor, "*B D"]:
    """The weighted sum of the rows; weights are per row, or per element."""
    weights = weights.to(matrix.dtype)
    if weights.dim() == matrix.dim():
        return (weights * matrix).sum(-2)
    return (weights[..., None, :] @ matrix).squeeze(-2)
