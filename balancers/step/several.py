"""Sums and products of many tensors in one call each: on an accelerator, one launch for many of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def scaled(tensors: Sequence[Tensor], factors: float | Sequence[float]) -> Sequence[Tensor]:
    """New tensors: each times its factor, or times the one factor.

    Example:
        >>> import torch
        >>> from balancers.step.several import scaled
        >>> [part.tolist() for part in scaled([torch.ones(2), torch.ones(1)], [2.0, 3.0])]
        [[2.0, 2.0], [3.0]]
    """
    multiplied = torch._foreach_mul  # pyright: ignore[reportPrivateImportUsage]
    return multiplied(list(tensors), list(factors) if isinstance(factors, Sequence) else factors)


def add(totals: Sequence[Tensor], terms: Sequence[Tensor], factor: float = 1.0) -> None:
    """Add to each total its term times the factor, in place. No two totals may be one tensor.

    Example:
        >>> import torch
        >>> from balancers.step.several import add
        >>> total = torch.ones(2)
        >>> add([total], [torch.ones(2)], factor=3.0)
        >>> total.tolist()
        [4.0, 4.0]
    """
    torch._foreach_add_(list(totals), list(terms), alpha=factor)  # pyright: ignore[reportPrivateImportUsage]
