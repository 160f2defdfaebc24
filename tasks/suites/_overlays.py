"""Two overlapping images on one canvas, to be classified both: what such suites have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, max_pool2d, relu

from tasks.base import (
    MultiTaskModel,
    Split,
    Splits,
    Suite,
    Task,
    accuracy,
    check_tasks,
    seed_for,
    seeded,
    seeded_heads,
    split_indices,
)
from tasks.data.digits import SIDE, Digits
from tasks.data.images import read_grey
from tasks.scoring.answers import likeliest

CANVAS = 36
HELD_OUT = 1 / 6  # of 60,000 training images, for validation
CLASSES = 10
HIDDEN = 50  # units of every head, whatever the width of the encoder: what is shared varies alone


class Grey(NamedTuple):
    """Mean and standard deviation of a data set's pixels, from 0 to 1, with which canvases are standardised."""

    mean: float
    deviation: float


class Pools(NamedTuple):
    """The images of each split, before any two are put on a canvas."""

    train: Digits
    validation: Digits
    test: Digits


class Overlays(Suite):
    """Which of ten classes is at the upper left of a canvas, and which at the lower right?"""

    grey: ClassVar[Grey]
    classes: ClassVar[tuple[str, ...]]
    train_pairs: int
    other_pairs: int  # of validation, and of test
    width: int  # channels of the encoder's first convolution

    replicable = True

    def __post_init__(self) -> None:
        if min(self.train_pairs, self.other_pairs) < 1:
            raise ValueError(f"pairs must be at least 1, not {self.train_pairs} and {self.other_pairs}")
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}: the first convolution has so many channels")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Left and right image."""
        return tuple(Task(name, cross_entropy, (accuracy(),)) for name in ("left", "right"))

    @abstractmethod
    def pools(self, data: Path | None) -> Pools:
        """The images of the splits.

        Raises:
            DataUnavailableError: they cannot be had here.
        """

    def load(self, data: Path | None = None) -> Splits:
        """Canvases (N, 1, 36, 36), standardised, and the two images' classes (N,)."""
        counts = (self.train_pairs, self.other_pairs, self.other_pairs)
        parts = zip(Pools._fields, self.pools(data), counts, strict=True)
        return Splits(*(pairs_of(pool, count, f"{self.name}/{part}", self.grey) for part, pool, count in parts))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """LeNet and its heads, with torch's default initialisation."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = LeNet(self.width)
        features = encoder.last.out_features
        heads = seeded_heads(
            seed, tasks, lambda _: nn.Sequential(nn.Linear(features, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
        )
        return MultiTaskModel(encoder, heads, last_shared=encoder.last)

    def read(self, given: str) -> dict[str, Tensor]:
        """The canvas in an image file of 36×36 pixels, light on black; colours become grey."""
        return {"image": standardised(read_canvas(given), self.grey)}

    def answers(self, given: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """The likeliest class of each image, and how likely it is."""
        return {task: likeliest(values[0], self.classes) for task, values in outputs.items()}


class LeNet(nn.Module):
    """Two 5×5 convolutions, each halved by maximum, and a fully connected layer: W and 2 W channels, 5 W units.

    The usual ``width`` W is 10, which makes 10 and 20 channels and 50 units.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 5)
        self.second = nn.Conv2d(width, 2 * width, 5)
        self.last = nn.Linear(2 * width * 36, 5 * width)  # 36: two convolutions leave 6×6 of 36×36 pixels

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, 5 W) of images (N, 1, 36, 36)."""
        hidden = relu(max_pool2d(self.first(image), 2))
        hidden = relu(max_pool2d(self.second(hidden), 2))
        return relu(self.last(hidden.flatten(1)))


def pools_of_full(train: Digits, test: Digits, purpose: str) -> Pools:
    """A sixth of the training images held out, class by class, and the test images."""
    kept, held_out = stratified(train.labels, (1 - HELD_OUT, HELD_OUT), purpose)
    return Pools(train.take(kept), train.take(held_out), test)


def stratified(labels: Tensor, shares: Sequence[float], purpose: str) -> list[Tensor]:
    """Positions of ``labels`` (N,) in parts of the given shares of each class, by a seed that ``purpose`` fixes."""
    parts = [
        [index[chosen] for chosen in split_indices(len(index), shares, seed_for(purpose, int(label)))]
        for label in labels.unique()
        for index in [torch.nonzero(labels == label).flatten()]
    ]
    return [torch.cat(pieces) for pieces in zip(*parts, strict=True)]


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


def read_canvas(given: str) -> Tensor:
    """The canvas (1, 36, 36) of bytes in an image file.

    Raises:
        ValueError: there is no such image, or it has another size.
    """
    pixels = read_grey(given)
    if pixels.shape != (CANVAS, CANVAS):
        height, width = pixels.shape
        raise ValueError(
            f"{given} has {width}×{height} pixels; expected {CANVAS}×{CANVAS}: one image of {SIDE}×{SIDE} at the upper "
            "left, another at the lower right"
        )
    return pixels[None]
