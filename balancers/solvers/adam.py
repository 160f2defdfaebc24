"""Adam for a method's own learnable weights, as a pure function, without an absolute epsilon."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from balancers.contract.arrays import arrays, is_readable, sent, tensors

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

    direction: Any
    first: Any
    second: Any


def adam_step(gradient: Any, first: Any, second: Any, steps: Any) -> AdamStep:
    r"""The direction :math:`\hat m / \sqrt{\hat v}` of one Adam step and the next moments.

    The arguments are arrays, or tensors on any device but for the steps, which are on the CPU; so are the results.
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
    if isinstance(gradient, Tensor) and isinstance(steps, Tensor) and is_readable(gradient, first, second, steps):
        return tensors(adam_step(*arrays((gradient, first, second, steps))))
    counts = np.asarray(steps)
    first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
    second = DECAYS[1] * second + (1 - DECAYS[1]) * gradient**2
    weights = [1 - decay**counts for decay in DECAYS]
    if isinstance(gradient, Tensor):
        weights = [sent(numbers, like=gradient) for numbers in weights]
    unbiased_first, unbiased_second = first / weights[0], second / weights[1]
    moving = unbiased_second > 0
    # Where nothing moves the root is that of 1: one formula for arrays and tensors, without a division by 0.
    direction = moving * unbiased_first / (unbiased_second + ~moving) ** 0.5
    return AdamStep(direction, first, second)
