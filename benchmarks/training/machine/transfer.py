"""Tensors between an accelerator and the host, where everything K-sized is computed in float64."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from balancers.step.host import on_host
from benchmarks.training.machine.devices import on_accelerator


def fetched(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors on the host in float64; all that lie on an accelerator arrive in one transfer.

    The host waits for the accelerator once, or not at all if none of them lies there.
    """
    away = [tensor.detach() for tensor in tensors if on_accelerator(tensor.device)]
    arrived = iter(on_host(away) if away else [])
    return [next(arrived) if on_accelerator(tensor.device) else tensor.detach().double() for tensor in tensors]


def placed(values: Tensor, like: Tensor) -> Tensor:
    """Values on the device of ``like``; on their way to an accelerator they take its dtype, and nobody waits."""
    if values.device == like.device:
        return values
    return values.to(like.dtype).to(like.device, non_blocking=True)
