"""Preferences between tasks, one positive number for each: how methods check them and put them into their states."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import in_numpy
from balancers.contract.weighting import Sizes


def checked_preference(preference: Sequence[float] | None, method: str) -> tuple[float, ...] | None:
    """The numbers of a preference as a tuple.

    Example:
        >>> from balancers.contract.preferences import checked_preference
        >>> checked_preference([1.0, 3.0], "stch")
        (1.0, 3.0)

    Raises:
        ValueError: one of them is not a positive number.
    """
    if preference is None:
        return None
    try:
        numbers = tuple(float(number) for number in preference)
    except (TypeError, ValueError):
        raise ValueError(f"{method}: expected a preference of positive numbers, got {preference!r}") from None
    if not all(math.isfinite(number) and number > 0 for number in numbers):
        raise ValueError(f"{method}: expected a preference of positive numbers, got {numbers}")
    return numbers


def allocate(preference: Sequence[float] | None, sizes: Sizes, method: str) -> Float[Tensor, "*B K"]:
    """The preference of every replica, (*B, K); 1 for every task unless given.

    Example:
        >>> from balancers import Sizes
        >>> from balancers.contract.preferences import allocate
        >>> allocate((1.0, 3.0), Sizes(2), "stch").tolist()
        [1.0, 3.0]
        >>> allocate(None, Sizes(2), "stch").tolist()
        [1.0, 1.0]

    Raises:
        ValueError: there are not as many numbers as tasks.
    """
    numbers = (1.0,) * sizes.tasks if preference is None else tuple(preference)
    if len(numbers) != sizes.tasks:
        raise ValueError(f"{method}: the preference has {len(numbers)} numbers for {sizes.tasks} tasks; give one each")
    zeros = sizes.per_task()
    return zeros + zeros.new_tensor(numbers)


@in_numpy
def on_simplex(numbers: Float[np.ndarray, "*B K"]) -> Float[np.ndarray, "*B K"]:
    """The numbers divided by their sum over the tasks, all of which are present.

    Example:
        >>> import torch
        >>> from balancers.contract.preferences import on_simplex
        >>> on_simplex(torch.tensor([1.0, 3.0])).tolist()
        [0.25, 0.75]
    """
    return numbers / numbers.sum(-1, keepdims=True)
