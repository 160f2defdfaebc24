"""Numbers of one problem on the host, which are read as arrays and handed back as tensors without a copy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def is_readable(*tensors: Tensor) -> bool:
    """Whether tensors are float64 numbers on the host that no graph follows, so that arrays can share their memory.

    Example:
        >>> import torch
        >>> from balancers.contract.arrays import is_readable
        >>> is_readable(torch.zeros(2, dtype=torch.float64)), is_readable(torch.zeros(2))
        (True, False)
    """
    return all(each.is_cpu and each.dtype is torch.float64 and not each.requires_grad for each in tensors)


def is_single(gramian: Tensor) -> bool:
    """Whether a Gramian belongs to one problem, without replicas, and can be read as an array.

    Example:
        >>> import torch
        >>> from balancers.contract.arrays import is_single
        >>> is_single(torch.eye(2, dtype=torch.float64)), is_single(torch.eye(2, dtype=torch.float64)[None])
        (True, False)
    """
    return gramian.dim() == 2 and is_readable(gramian)


def as_tensor(value: float | bool | np.ndarray) -> Tensor:
    """A tensor that shares the memory of an array; a number becomes one without axes.

    Example:
        >>> from balancers.contract.arrays import as_tensor
        >>> as_tensor(0.5).dtype, as_tensor(True).dtype
        (torch.float64, torch.bool)
    """
    return torch.from_numpy(np.asarray(value))
