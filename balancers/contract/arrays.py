"""Numbers per task as NumPy arrays: an operation on a few numbers costs less than in PyTorch.

Everything of the size of K is on the CPU in double precision, so that tensors and arrays can share their memory. No
function here copies, and nobody may write into what they return.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])


def arrays(tensors: Any) -> Any:
    """The array of a tensor of the CPU; of a tuple of tensors, such as a state, a tuple of the same type.

    Example:
        >>> import torch
        >>> from balancers.contract.arrays import arrays
        >>> arrays((torch.tensor([1.0, 4.0]), torch.zeros(1)))
        (array([1., 4.], dtype=float32), array([0.], dtype=float32))
    """
    if isinstance(tensors, tuple):
        return _like(tensors, [tensor.numpy() for tensor in tensors])
    return tensors.numpy()


def tensors(arrays: Any) -> Any:
    """The tensor of an array or a number; of a tuple, which may hold tuples, a tuple of the same type.

    A tensor is left as it is.

    Example:
        >>> import numpy as np
        >>> from balancers.contract.arrays import tensors
        >>> tensors((np.array([1.0, 4.0]), np.float64(2.0)))
        (tensor([1., 4.], dtype=torch.float64), tensor(2., dtype=torch.float64))
    """
    if isinstance(arrays, np.ndarray):
        return torch.from_numpy(arrays)
    if isinstance(arrays, tuple):
        return _like(arrays, [tensors(part) for part in arrays])
    return arrays if isinstance(arrays, Tensor) else torch.from_numpy(np.asarray(arrays))


def sent(numbers: np.ndarray, like: Tensor) -> Tensor:
    """Numbers on the device and in the dtype of a tensor, which may go on with its work meanwhile.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from balancers.contract.arrays import sent
        >>> sent(np.array([1.0, 4.0]), like=torch.zeros(3, 5))
        tensor([1., 4.])
    """
    return tensors(numbers).to(like.device, like.dtype, non_blocking=True)


def quiet(function: Function) -> Function:
    """The function without NumPy's warnings of divisions by 0: its results are as silent as those of PyTorch.

    Example:
        >>> import numpy as np
        >>> from balancers.contract.arrays import quiet
        >>> quiet(lambda numbers: 1 / numbers)(np.array([2.0, 0.0])).tolist()
        [0.5, inf]
    """
    return np.errstate(all="ignore")(function)


def in_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that can be called with tensors of the CPU too, and then returns tensors.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from balancers.contract.arrays import in_numpy
        >>> roots = in_numpy(lambda numbers: np.sqrt(numbers))
        >>> roots(np.array([1.0, 4.0])), roots(torch.tensor([1.0, 4.0]))
        (array([1., 2.]), tensor([1., 2.]))
    """
    silent = quiet(function)

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        if isinstance(arguments[0], np.ndarray):
            return function(*arguments, **options)
        return tensors(silent(*[a.numpy() if isinstance(a, Tensor) else a for a in arguments], **options))

    return call


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


def _like(value: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    """A tuple of these parts, of the type of ``value``: a NamedTuple or a plain one."""
    make = getattr(type(value), "_make", tuple)
    return make(parts)
