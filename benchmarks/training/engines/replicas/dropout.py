"""Dropout of replicas: every replica draws masks of its own.

On a CPU they are the masks that it would draw alone. On a GPU, where ``nn.Dropout`` draws within its kernel, they are
other masks of the same distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

MASK = "mask"  # the buffer of a `MaskedDropout`


class MaskedDropout(nn.Module):
    """Dropout whose mask is passed in as a buffer. Without a mask it changes nothing, and appends a request for one."""

    def __init__(self, rate: float, requests: list[MaskRequest]) -> None:
        super().__init__()
        self.rate = rate
        self._requests = requests
        self.mask: Tensor
        self.register_buffer(MASK, torch.empty(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The masked ``x`` in training, ``x`` in evaluation."""
        if not self.training or self.rate == 0:
            return x
        if self.mask.numel() == 0:
            self._requests.append(MaskRequest(self, x.shape, x.dtype))
            return x
        return x * self.mask.to(x.dtype)


class MaskRequest(NamedTuple):
    """A dropout in a forward pass, and the shape and type of the tensor to mask."""

    dropout: MaskedDropout
    shape: torch.Size
    dtype: torch.dtype


def mask_dropout(module: nn.Module, requests: list[MaskRequest]) -> dict[MaskedDropout, str]:
    """Replace every ``nn.Dropout`` below a module by a `MaskedDropout`; returns the new modules with their names.

    Raises:
        ValueError: the module itself is a dropout.
    """
    names: dict[MaskedDropout, str] = {}
    for name, child in list(module.named_modules()):
        if isinstance(child, nn.Dropout):
            if not name:
                raise ValueError("a dropout alone is no encoder and no head")
            above, _, last = name.rpartition(".")
            masked = MaskedDropout(child.p, requests)
            setattr(module.get_submodule(above), last, masked)
            names[masked] = name
    return names


class Noise:
    """One stream of dropout noise for each of R replicas."""

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._generators = [Generator(device).manual_seed(seed) for seed in seeds]
        self._device = device

    def masks(self, requests: Sequence[MaskRequest]) -> list[Tensor]:
        """Masks (R, *shape) for the dropouts of a forward pass, in its order."""
        drawn = [[self._mask(request, generator) for request in requests] for generator in self._generators]
        return [torch.stack(masks) for masks in zip(*drawn, strict=True)]

    def _mask(self, request: MaskRequest, generator: Generator) -> Tensor:
        kept = 1 - request.dropout.rate
        mask = torch.empty(request.shape, dtype=request.dtype, device=self._device).bernoulli_(
            kept, generator=generator
        )
        return mask / kept if kept > 0 else mask
