"""The idx files of MNIST and Fashion-MNIST: finding, checking and reading them."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tasks.contract import DataUnavailableError

SIDE = 28
TRAIN_FILES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
_WANTED = ", ".join(TRAIN_FILES + TEST_FILES)
GARMENTS = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
UNSIGNED_BYTE = 0x08  # idx's code for the only element type MNIST uses


class Digits(NamedTuple):
    """Grey images with their classes."""

    images: Tensor  # (N, 28, 28), uint8
    labels: Tensor  # (N,), int64

    def take(self, index: Tensor) -> Digits:
        """The digits at ``index``."""
        return Digits(self.images[index], self.labels[index])


def find_mnist(folder: Path | None, *, required: bool) -> Path | None:
    """The folder that holds MNIST's four files: ``mnist`` inside ``folder``, or ``folder`` itself; none if none does.

    Raises:
        DataUnavailableError: ``required``, and no such folder is there.
    """
    files_folder = _find(folder, "mnist")
    if files_folder is None and required:
        raise DataUnavailableError(f"full MNIST is not there: put {_WANTED} into the folder mnist in {_place(folder)}")
    return files_folder


def find_fashion_mnist(folder: Path | None) -> Path:
    """The folder that holds Fashion-MNIST's four files: ``fashion-mnist`` inside ``folder``, or ``folder`` itself.

    Raises:
        DataUnavailableError: no such folder is there.
    """
    files_folder = _find(folder, "fashion-mnist")
    if files_folder is None:
        raise DataUnavailableError(
            f"Fashion-MNIST is not there: put {_WANTED}, as they are in data/fashion of "
            f"https://github.com/zalandoresearch/fashion-mnist, into the folder fashion-mnist in {_place(folder)}"
        )
    return files_folder


def read_mnist(folder: Path) -> tuple[Digits, Digits]:
    """Training and test digits from the four files in ``folder``.

    Raises:
        DataUnavailableError: a file has another form, or the files are Fashion-MNIST's, which have the same names.
    """
    train, test = (_read_pair(folder, files) for files in (TRAIN_FILES, TEST_FILES))
    if _balanced(train):
        raise DataUnavailableError(
            f"{folder} holds equally many training images of each class, as Fashion-MNIST does and MNIST does not; "
            "put MNIST's files into a folder of the name mnist"
        )
    return train, test


def read_fashion_mnist(folder: Path) -> tuple[Digits, Digits]:
    """Training and test garments from the four files in ``folder``.

    Raises:
        DataUnavailableError: a file has another form, or the files are MNIST's, which have the same names.
    """
    train, test = (_read_pair(folder, files) for files in (TRAIN_FILES, TEST_FILES))
    if not _balanced(train):
        raise DataUnavailableError(
            f"{folder} holds more training images of some classes than of others, as MNIST does and Fashion-MNIST does "
            "not; put Fashion-MNIST's files into a folder of the name fashion-mnist"
        )
    return train, test


def parse_idx(packed: bytes) -> Tensor:
    """The array of unsigned bytes in a gzipped idx file.

    Raises:
        ValueError: it is not such a file, or cut short.
    """
    raw = gzip.decompress(packed)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != UNSIGNED_BYTE:
        raise ValueError("it does not begin as an idx file of unsigned bytes")
    start = 4 + 4 * raw[3]
    shape = np.frombuffer(raw[4:start], ">u4").tolist()
    if len(raw) - start != math.prod(shape):
        raise ValueError(f"its shape is {shape}, but {len(raw) - start} values follow")
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy())


def _find(folder: Path | None, inside: str) -> Path | None:
    candidates = [] if folder is None else [folder / inside, folder]
    files = TRAIN_FILES + TEST_FILES
    return next((place for place in candidates if all((place / name).is_file() for name in files)), None)


def _place(folder: Path | None) -> str:
    return str(folder) if folder is not None else "the data folder (none is named: use --data or BALANCERS_DATA)"


def _balanced(images: Digits) -> bool:
    return len(images.labels.bincount().unique()) == 1


def _read_pair(folder: Path, files: tuple[str, str]) -> Digits:
    arrays = []
    for name in files:
        try:
            arrays.append(parse_idx((folder / name).read_bytes()))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise DataUnavailableError(
                f"{folder / name} cannot be read ({error}); put the original file in its place"
            ) from None
    images, labels = arrays
    if images.shape != (len(labels), SIDE, SIDE) or labels.ndim != 1:
        raise DataUnavailableError(
            f"{folder} holds images of shape {tuple(images.shape)} and labels of shape {tuple(labels.shape)}; "
            f"expected (N, {SIDE}, {SIDE}) and (N,)"
        )
    return Digits(images, labels.long())
