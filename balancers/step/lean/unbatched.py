"""How a function gets the gradients of all tasks while ``torch.vmap`` shows one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor

Rows = Inexact[Tensor, "K *S"]


def hand_over(gradient: Tensor, take: Callable[[Rows], None]) -> Tensor:
    """Give the gradients of all tasks, stacked, to ``take``; return zeros of their shape that take no memory.

    Outside of vmap there is one gradient, a stack of one.

    Example:
        >>> import torch
        >>> from balancers.step.lean.unbatched import hand_over
        >>> shapes = []
        >>> def see(gradient):
        ...     return hand_over(gradient, lambda rows: shapes.append(rows.shape))
        >>> torch.vmap(see)(torch.ones(3, 2)).tolist(), shapes
        ([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [torch.Size([3, 2])])
    """
    return _HandOver.apply(gradient, take)


class _HandOver(torch.autograd.Function):
    """A function whose rule for vmap is the way in which PyTorch shows a stack."""

    generate_vmap_rule = False

    @staticmethod
    def forward(gradient: Tensor, take: Callable[[Rows], None]) -> Tensor:
        take(gradient[None])
        return _zeros(gradient)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is kept: the zeros are not differentiated."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Tensor, None]:
        gradient, take = args
        axis = in_dims[0]
        rows = gradient.expand(info.batch_size, *gradient.shape) if axis is None else gradient.movedim(axis, 0)
        take(rows)
        return _zeros(rows[0]), None


def _zeros(like: Tensor) -> Tensor:
    return like.new_zeros(()).expand(like.shape)
