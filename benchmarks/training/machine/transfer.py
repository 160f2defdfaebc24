"""Tensors between an accelerator and the host, where everything K-sized is computed in float64."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from benchmarks.training.machine.devices import on_accelerator


def fetched(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors on the host in float64; all that lie on an accelerator arrive in one transfer.

    The host waits for the accelerator once, or not at all if none of them lies there.
    """
    away = [tensor.detach() for tensor in tensors if on_accelerator(tensor.device)]
    if away:
        dtype = reduce(torch.promote_types, (tensor.dtype for tensor in away), torch.float32)  # float64 may be missing
        flat = torch.cat([tensor.reshape(-1).to(dtype) for tensor in away]).cpu().double()
        pieces = flat.split([tensor.numel() for tensor in away])
        arrived = iter([piece.view(tensor.shape) for piece, tensor in zip(pieces, away, strict=True)])
    else:
        arrived = iter(())
    return [next(arrived) if on_accelerator(tensor.device) else tensor.detach().double() for tensor in tensors]


def placed(values: Tensor, like: Tensor) -> Tensor:
    """Values on the device of ``like``; on their way to an accelerator they take its dtype, and nobody waits."""
    if values.device == like.device:
        return values
    return values.to(like.dtype).to(like.device, non_blocking=True)
