"""What `multimnist` and `multifashion` share: two overlapping images on one canvas, both of which are classified."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tasks.base import (
    MultiTaskModel,
    Splits,
    Suite,
    Task,
    accuracy,
    check_tasks,
    seeded,
    seeded_heads,
)
from tasks.data.mnist_overlays import Grey, pairs_of, read_canvas, standardised
from tasks.data.mnist_splits import Pools
from tasks.networks.lenet import LeNet
from tasks.scoring.classification import likeliest

CLASSES = 10
HIDDEN = 50  # units of every head; they do not depend on the width of the encoder


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
            raise ValueError(
                f"width must be at least 1, not {self.width}: it is the number of channels of the first convolution"
            )

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Left and right image."""
        return tuple(Task(name, cross_entropy, (accuracy(),)) for name in ("left", "right"))

    @abstractmethod
    def pools(self, data: Path | None) -> Pools:
        """The images of the splits.

        Raises:
            DataUnavailableError: they are missing; the message says which file goes where.
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

    def read(self, user_input: str) -> dict[str, Tensor]:
        """The canvas in an image file of 36×36 pixels, light on black; colours become grey."""
        return {"image": standardised(read_canvas(user_input), self.grey)}

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """The likeliest class of each image, with its probability."""
        return {task: likeliest(values[0], self.classes) for task, values in outputs.items()}
