"""Dropout of replicas: every replica draws masks of its own.

On a CPU they are those that it would draw alone. On a GPU, where ``nn.Dropout`` draws within its kernel, they are
others of the same distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

MASK = "mask"  # the buffer of a `MaskedDropout`


class MaskedDropout(nn.Module):
    """Dropout whose mask is passed in as a buffer. Without a mask it changes nothing, and notes that it was asked."""

    def __init__(self, rate: float, asked: list[Asked]) -> None:
        super().__init__()
        self.rate = rate
        self._asked = asked
        self.mask: Tensor
        self.register_buffer(MASK, torch.empty(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The masked ``x`` in training, ``x`` in evaluation."""
        if not self.training or self.rate == 0:
            return x
        if self.mask.numel() == 0:
            self._asked.append(Asked(self, x.shape, x.dtype))
            return x
        return x * self.mask.to(x.dtype)


class Asked(NamedTuple):
    """A dropout in a forward pass, and what it is to mask."""

    dropout: MaskedDropout
    shape: torch.Size
    dtype: torch.dtype


def mask_dropout(module: nn.Module, asked: list[Asked]) -> dict[MaskedDropout, str]:
    """Put a `MaskedDropout` in the place of every ``nn.Dropout`` below a module; those put in, and their names."""
    found: dict[MaskedDropout, str] = {}
    for name, child in list(module.named_modules()):
        if isinstance(child, nn.Dropout):
            if not name:
                raise ValueError("a dropout alone is no encoder and no head")
            above, _, last = name.rpartition(".")
            masked = MaskedDropout(child.p, asked)
            setattr(module.get_submodule(above), last, masked)
            found[masked] = name
    return found


class Noise:
    """One stream of dropout noise for each of R replicas."""

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._generators = [Generator(device).manual_seed(seed) for seed in seeds]
        self._device = device

    def masks(self, asked: Sequence[Asked]) -> list[Tensor]:
        """Masks (R, *shape) for the dropouts of a forward pass, in its order."""
        drawn = [[self._mask(each, generator) for each in asked] for generator in self._generators]
        return [torch.stack(masks) for masks in zip(*drawn, strict=True)]

    def _mask(self, asked: Asked, generator: Generator) -> Tensor:
        kept = 1 - asked.dropout.rate
        mask = torch.empty(asked.shape, dtype=asked.dtype, device=self._device).bernoulli_(kept, generator=generator)
        return mask / kept if kept > 0 else mask
