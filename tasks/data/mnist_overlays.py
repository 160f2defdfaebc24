"""Two overlapping digits or garments on one canvas: drawing them, and reading such a canvas from a file."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tasks.contract import Split, seed_for
from tasks.data.images import read_grey
from tasks.data.mnist_files import SIDE, Digits

CANVAS = 36


class Grey(NamedTuple):
    """Mean and standard deviation of a data set's pixels, from 0 to 1, with which canvases are standardised."""

    mean: float
    deviation: float


def pairs_of(pool: Digits, count: int, purpose: str, grey: Grey) -> Split:
    """``count`` canvases with two different images of ``pool``, drawn with replacement by the seed of ``purpose``."""
    generator = torch.Generator().manual_seed(seed_for(purpose, 0))
    total = len(pool.labels)
    left = torch.randint(total, (count,), generator=generator)
    right = (left + torch.randint(1, total, (count,), generator=generator)) % total
    canvas = overlay(pool.images[left], pool.images[right])
    return Split({"image": standardised(canvas, grey)}, {"left": pool.labels[left], "right": pool.labels[right]})


def overlay(left: Tensor, right: Tensor) -> Tensor:
    """Canvases (N, 36, 36) from images (N, 28, 28), at the upper left and the lower right; the brighter pixel wins."""
    canvas = left.new_zeros(len(left), CANVAS, CANVAS)
    canvas[:, :SIDE, :SIDE] = left
    corner = canvas[:, -SIDE:, -SIDE:]
    corner.copy_(torch.maximum(corner, right))
    return canvas


def standardised(canvas: Tensor, grey: Grey) -> Tensor:
    """Canvases (N, 1, 36, 36) as the encoder sees them, from bytes (N, 36, 36)."""
    return ((canvas.float() / 255 - grey.mean) / grey.deviation)[:, None]


def read_canvas(path: str) -> Tensor:
    """The canvas (1, 36, 36) of bytes in an image file.

    Raises:
        ValueError: there is no such image, or it has another size.
    """
    pixels = read_grey(path)
    if pixels.shape != (CANVAS, CANVAS):
        height, width = pixels.shape
        raise ValueError(
            f"{path} has {width}×{height} pixels; expected {CANVAS}×{CANVAS}: one image of {SIDE}×{SIDE} at the upper "
            "left, another at the lower right"
        )
    return pixels[None]
