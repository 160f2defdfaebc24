"""The canvases of `scenes`: several grey pictures of single objects, with boxes and masks exact to the pixel."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tasks.data.labels import ABSENT
from tasks.data.mnist_files import SIDE, Digits

LARGEST = (0.3, 0.5)  # length of a scene's largest object, as shares of the canvas
SMALLEST, NEXT = 0.2, 0.8  # lengths of the others: from a share of the canvas to one of the largest object
OVERLAP = 0.1  # of two boxes at most, as a share of the smaller one
ROUNDS = 20  # attempts to find a free place, after which an object is left out
CHUNK = 256  # scenes at a time, so that their layers take little memory


class ComposedScenes(NamedTuple):
    """Composed scenes, with a canvas of side S and at most M objects."""

    images: Tensor  # (N, S, S), uint8
    classes: Tensor  # (N, S, S), uint8: 0 for the background, else 1 + the class of the object that is seen there
    boxes: Tensor  # (N, M, 5): left, top, right, bottom in pixels, the last two exclusive, and class; else ABSENT
    largest: Tensor  # (N,), class of the largest object


class Layout(NamedTuple):
    """The places of objects, for N scenes with at most M objects each."""

    chosen: Tensor  # (N, M), which picture of the pool
    corner: Tensor  # (N, M, 2), of the object: left, top
    size: Tensor  # (N, M, 2), of the object: width, height
    occupied: Tensor  # (N, M), bool: whether there is an object


def compose(pool: Digits, layout: Layout, side: int, ink: int) -> ComposedScenes:
    """Scenes with pictures of ``pool`` laid out as ``layout`` says, the brighter pixel in front.

    Pixels of a grey value of ``ink`` or more belong to the brightest object there, whose box holds them.
    """
    windows = extents(pool.images, ink)
    parts = [
        _draw(pool, windows, Layout(*part), side, ink) for part in zip(*(x.split(CHUNK) for x in layout), strict=True)
    ]
    return ComposedScenes(*(torch.cat(pieces) for pieces in zip(*parts, strict=True)))


def extents(images: Tensor, ink: int) -> Tensor:
    """The rectangle of each image (N, H, W) that holds what is ``ink`` or more: left, top, right, bottom, (N, 4)."""
    inked = images >= ink
    edges = []
    for axis in (1, 2):
        line = inked.any(axis).byte()  # columns, then rows
        edges.append((line.argmax(1), line.shape[1] - line.flip(1).argmax(1)))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], 1)


def lay_out(windows: Tensor, count: int, side: int, most: int, generator: torch.Generator) -> Layout:
    """A random plan for ``count`` scenes with one to ``most`` objects, whose pictures fill ``windows`` (P, 4).

    The first object is the largest: the longer side of each other one is shorter by a fifth at least.
    """
    objects = torch.randint(1, most + 1, (count, 1), generator=generator)
    occupied = torch.arange(most) < objects
    chosen = torch.randint(len(windows), (count, most), generator=generator)
    extent = (windows[:, 2:] - windows[:, :2])[chosen].float()
    length = _between(*LARGEST, torch.rand(count, 1, generator=generator)) * side
    smaller = _between(SMALLEST * side, NEXT * length, torch.rand(count, most - 1, generator=generator))
    lengths = torch.cat([length, smaller], 1)[..., None]
    size = (extent * lengths / extent.amax(-1, keepdim=True)).round().clamp(min=2).long()
    corner = torch.zeros_like(size)
    for place in range(most):
        unplaced = occupied[:, place].clone()
        for _ in range(ROUNDS):
            drawn = torch.rand(count, 2, generator=generator) * (side - size[:, place] + 1)
            corner[:, place] = torch.where(unplaced[:, None], drawn.long(), corner[:, place])
            unplaced &= _crowded(corner, size, occupied, place)
        occupied[:, place] &= ~unplaced
    return Layout(chosen, corner, size, occupied)


def _between(low: Tensor | float, high: Tensor | float, share: Tensor) -> Tensor:
    return low + (high - low) * share


def _crowded(corner: Tensor, size: Tensor, occupied: Tensor, place: int) -> Tensor:
    """Whether the object at ``place`` overlaps one before it by more than is allowed, (N,)."""
    begin, end = corner, corner + size
    low = torch.maximum(begin[:, :place], begin[:, place, None])
    high = torch.minimum(end[:, :place], end[:, place, None])
    common = (high - low).clamp(min=0).prod(-1)
    smaller = torch.minimum(size[:, :place].prod(-1), size[:, place, None].prod(-1))
    return ((common > OVERLAP * smaller) & occupied[:, :place]).any(1)


def _draw(pool: Digits, windows: Tensor, layout: Layout, side: int, ink: int) -> ComposedScenes:
    window = windows[layout.chosen]
    across, down = (_resampling(window, layout, axis, side) for axis in (0, 1))
    layers = down @ pool.images[layout.chosen].float() @ across.mT  # (N, M, S, S)
    grey, owner = (layers.round() * layout.occupied[..., None, None]).max(1)
    inked = grey >= ink
    labels = pool.labels[layout.chosen]
    shown = (owner[:, None] == torch.arange(layout.occupied.shape[1])[:, None, None]) & inked[:, None]
    boxes = extents(shown.flatten(0, 1).byte(), 1).view(*layout.occupied.shape, 4)
    visible = shown.any(-1).any(-1)[..., None]
    rows = torch.where(visible, torch.cat([boxes, labels[..., None]], -1).float(), ABSENT)
    front = labels.gather(1, owner.flatten(1)).view_as(owner)
    return ComposedScenes(grey.byte(), torch.where(inked, front + 1, 0).byte(), rows, labels[:, 0])


def _resampling(window: Tensor, layout: Layout, axis: int, side: int) -> Tensor:
    """Matrices (N, M, S, 28) that stretch the window of a picture to its object's size, at its place on the canvas.

    A pixel is a mean around its place in the picture, with weights that fall off linearly, over two pixels of the
    picture, or over two of the canvas where these are the larger ones.
    """
    begin, extent = window[..., axis, None], (window[..., axis + 2] - window[..., axis])[..., None]
    size = layout.size[..., axis, None]
    inside = torch.arange(side) - layout.corner[..., axis, None]  # (N, M, S)
    step = extent / size
    middle = begin + (inside + 0.5) * step - 0.5
    weights = (1 - (middle[..., None] - torch.arange(SIDE)).abs() / step.clamp(min=1)[..., None]).clamp(min=0)
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-6)
    return weights * ((inside >= 0) & (inside < size))[..., None]
