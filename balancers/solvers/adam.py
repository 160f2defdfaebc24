"""Adam for a method's own learnable weights, as a pure function, without an absolute epsilon."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from balancers.contract.arrays import as_tensor, is_readable

DECAYS = (0.9, 0.999)  # of the two moments, as in the paper


class AdamStep(NamedTuple):
    """Where to go and what to remember.

    Example:
        >>> import torch
        >>> from balancers.solvers.adam import adam_step
        >>> zeros = torch.zeros(1)
        >>> step = adam_step(torch.tensor([-3.0]), zeros, zeros, torch.ones(1))
        >>> [round(value, 3) for value in (step.first.item(), step.second.item())]
        [-0.3, 0.009]
    """

    direction: Float[Tensor, "*B K"]
    first: Float[Tensor, "*B K"]
    second: Float[Tensor, "*B K"]


def adam_step(
    gradient: Float[Tensor, "*B K"],
    first: Float[Tensor, "*B K"],
    second: Float[Tensor, "*B K"],
    steps: Float[Tensor, "*B K"],
) -> AdamStep:
    r"""The direction :math:`\hat m / \sqrt{\hat v}` of one Adam step and the next moments.

    ``steps`` counts the steps of each entry, this one included. The epsilon of the paper is left out, because it would
    make methods depend on the scale of the losses; where the second moment is zero the direction is zero.

    Example:
        The first step has length 1, whatever the gradient.

        >>> import torch
        >>> from balancers.solvers.adam import adam_step
        >>> zeros = torch.zeros(3)
        >>> adam_step(torch.tensor([-3.0, 0.0, 1e9]), zeros, zeros, torch.ones(3)).direction.round(decimals=3).tolist()
        [-1.0, 0.0, 1.0]

    Reference: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, Algorithm 1.
    """
    if is_readable(gradient, first, second, steps):
        return AdamStep(*map(as_tensor, _on_arrays(*(each.numpy() for each in (gradient, first, second, steps)))))
    first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
    second = DECAYS[1] * second + (1 - DECAYS[1]) * gradient**2
    unbiased_first = first / (1 - DECAYS[0] ** steps)
    unbiased_second = second / (1 - DECAYS[1] ** steps)
    direction = torch.where(unbiased_second > 0, unbiased_first / unbiased_second.sqrt(), 0.0)
    return AdamStep(direction, first, second)


def _on_arrays(
    gradient: np.ndarray, first: np.ndarray, second: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for numbers on the host, where an operation on arrays costs a tenth of one on tensors."""
    first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
    second = DECAYS[1] * second + (1 - DECAYS[1]) * gradient**2
    with np.errstate(all="ignore"):
        unbiased_second = second / (1 - DECAYS[1] ** steps)
        ratio = first / (1 - DECAYS[0] ** steps) / np.sqrt(unbiased_second)
    return np.where(unbiased_second > 0, ratio, 0.0), first, second
