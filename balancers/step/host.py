"""Numbers on their way from a device to main memory, where everything is calculated that is as small as the tasks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from balancers.contract.exactness import widest


def may_look(device: torch.device) -> bool:
    """Whether reading numbers is free: on an accelerator it waits for all pending work.

    Example:
        >>> import torch
        >>> from balancers.step.host import may_look
        >>> may_look(torch.device("cpu")), may_look(torch.device("cuda"))
        (True, False)
    """
    return device.type == "cpu"


def on_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The numbers of all tensors in main memory, in double precision: one transfer and one wait for those of a device.

    Example:
        >>> import torch
        >>> from balancers.step.host import on_host
        >>> [numbers.tolist() for numbers in on_host([torch.tensor([1.0, 2.0]), torch.tensor([[3.0]])])]
        [[1.0, 2.0], [[3.0]]]
    """
    away = [tensor for tensor in tensors if not may_look(tensor.device)]
    if not away:
        return [tensor.double() for tensor in tensors]
    dtype = widest(away[0].device)
    packed = torch.cat([tensor.reshape(-1).to(dtype) for tensor in away]).cpu().double()
    arrived = iter(packed.split([tensor.numel() for tensor in away]))
    return [t.double() if may_look(t.device) else next(arrived).view(t.shape) for t in tensors]


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Where operators keep the dtypes of what they are given.

    Example:
        >>> import torch
        >>> from balancers.step.host import without_autocast
        >>> with torch.autocast("cpu"), without_autocast(torch.device("cpu")):
        ...     torch.is_autocast_enabled("cpu")
        False
    """
    return torch.autocast(device.type, enabled=False) if torch.is_autocast_enabled(device.type) else nullcontext()
