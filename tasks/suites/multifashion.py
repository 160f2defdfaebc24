"""Two overlapping garments on one canvas: the class of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.data.mnist_files import GARMENTS, find_fashion_mnist, read_fashion_mnist
from tasks.data.mnist_overlays import Grey
from tasks.data.mnist_splits import Pools, pools_of_full
from tasks.data.sources import data_folder
from tasks.registry import register
from tasks.suites._overlays import Overlays


@register("multifashion")
@dataclass(frozen=True)
class MultiFashion(Overlays):
    """MultiFashion: as MultiMNIST, with the garments of Fashion-MNIST in place of digits.

    - Source: Fashion-MNIST (licence: MIT), 70,000 grey images of 28×28 in ten equal classes. The data folder, or
      ``fashion-mnist`` in it, holds its four idx .gz files.
    - Splits: the garments are split first, so that none is in two splits: 50,000 / 10,000 of the training garments,
      with equal shares of each class, and the 10,000 test garments. Then pairs are drawn: ``train_pairs`` (100,000),
      and ``other_pairs`` each for validation and test (20,000): two for every garment. The data set of the papers below
      has 120,000 training pairs of all 60,000 garments, some of which serve for validation, and 20,000 test pairs.
    - Tasks: ``left`` and ``right``, ten classes each, cross-entropy. Metric: accuracy.
    - Encoder: LeNet (two convolutions of ``width`` (10) and twice as many channels, one fully connected layer of five
      times as many units); heads: 50 ReLU units and an affine layer. Last shared layer: the fully connected one.

    Reference: Lin et al., Pareto Multi-Task Learning, NeurIPS 2019; Navon et al., Learning the Pareto Front with
    Hypernetworks, ICLR 2021; Xiao et al., Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms, 2017.
    """

    train_pairs: int = 100_000
    other_pairs: int = 20_000
    width: int = 10

    version = 1
    summary = "the classes of two overlapping garments (Fashion-MNIST; LeNet)"
    grey = Grey(0.2860, 0.3530)  # of Fashion-MNIST's training images
    classes = GARMENTS

    def pools(self, data: Path | None) -> Pools:
        """All garments."""
        return pools_of_full(*read_fashion_mnist(find_fashion_mnist(data_folder(data))), "multifashion/pool")
