"""How far below its lower bound rounding may take a loss."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

CANCELLATION = 8  # in units of the dtype's eps: what summing a few thousand terms of one sign and the other leaves


class BoundedLosses(NamedTuple):
    """The losses of a step as a method sees them, and how large they are and were.

    Example:
        >>> import torch
        >>> from balancers.step.rounding import BoundedLosses
        >>> BoundedLosses(torch.tensor([0.0, 3.0]), sizes=[1e-9, 3.0], largest=[0.5, 3.0]).above.tolist()
        [0.0, 3.0]
    """

    above: Float[Tensor, "P"]  # distances from the lower bounds, of the present tasks
    sizes: list[float]  # magnitudes of the losses themselves, of the present tasks
    largest: list[float]  # the largest of these so far, of all tasks


def rounding_of(dtype: torch.dtype, largest: float) -> float:
    """How far a loss of this dtype may lie below its bound by rounding alone.

    A loss near its bound is a sum of terms that cancel, and is as exact as the terms, not as their sum. The loss alone
    does not show how large the terms are. They are taken to be as large as the largest loss of the task so far, and at
    least 1: the terms of divergences, cross-entropies and cosines are of that size even where every loss is tiny.

    Example:
        >>> import torch
        >>> from balancers.step.rounding import rounding_of
        >>> [f"{rounding_of(torch.float32, largest):.1e}" for largest in (1e-8, 100.0)]
        ['9.5e-07', '9.5e-05']

    Args:
        dtype: of the loss.
        largest: the largest magnitude of the task's loss so far.
    """
    return max(largest, 1.0) * unit_of(dtype)


def unit_of(dtype: torch.dtype) -> float:
    """`rounding_of` a task whose losses are at most 1.

    Example:
        >>> import torch
        >>> from balancers.step.rounding import unit_of
        >>> unit_of(torch.float32) == 8 * 2**-23
        True
    """
    return CANCELLATION * torch.finfo(dtype).eps
