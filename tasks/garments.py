"""Fashion-MNIST: pictures of garments, in the four files of MNIST's names."""

from __future__ import annotations

import zlib
from pathlib import Path

from tasks.base import DataUnavailableError
from tasks.digits import SIDE, TEST_FILES, TRAIN_FILES, Digits, parse_idx

FOLDER = "fashion-mnist"
NAMES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def read_garments(folder: Path | None) -> tuple[Digits, Digits]:
    """The 60,000 training and 10,000 test pictures, from ``fashion-mnist`` in ``folder`` or from ``folder`` itself.

    Raises:
        DataUnavailableError: they are not there, damaged, or digits: MNIST's files have the same names.
    """
    wanted = TRAIN_FILES + TEST_FILES
    candidates = [] if folder is None else [folder / FOLDER, folder]
    for candidate in candidates:
        if all((candidate / name).is_file() for name in wanted):
            return _read(candidate, TRAIN_FILES), _read(candidate, TEST_FILES)
    where = folder / FOLDER if folder is not None else "the data folder (none is named: use --data or BALANCERS_DATA)"
    raise DataUnavailableError(
        f"Fashion-MNIST is not there: put {', '.join(wanted)} of github.com/zalandoresearch/fashion-mnist into {where}"
    )


def _read(folder: Path, files: tuple[str, str]) -> Digits:
    arrays = []
    for name in files:
        try:
            arrays.append(parse_idx((folder / name).read_bytes()))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise DataUnavailableError(f"{folder / name} cannot be read ({error}); replace it") from None
    images, labels = arrays
    if labels.ndim != 1 or images.shape != (len(labels), SIDE, SIDE) or not len(labels):
        raise DataUnavailableError(
            f"{folder} holds images of shape {tuple(images.shape)} and labels of shape {tuple(labels.shape)}; "
            f"expected (N, {SIDE}, {SIDE}) and (N,)"
        )
    if labels.bincount(minlength=len(NAMES)).unique().numel() > 1 or labels.max() >= len(NAMES):
        raise DataUnavailableError(
            f"{folder} does not hold equally many pictures of each of ten classes, as Fashion-MNIST does; put its "
            f"files into a folder of the name {FOLDER}"
        )
    return Digits(images, labels.long())
