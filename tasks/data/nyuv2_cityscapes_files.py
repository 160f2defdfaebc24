"""The images and maps of `nyuv2` and `cityscapes`: folders of .npy files as the authors of MTAN published them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tasks.contract import DataUnavailableError
from tasks.data.labels import UNLABELLED

Kind = Literal["colours", "classes", "distances", "directions"]
LAST_AXIS = {"colours": (3,), "classes": (), "distances": (1,), "directions": (3,)}
BLOCKS = 40  # the training files are cut into so many runs of neighbours; one in ten of these is for validation
HELD_OUT = 4  # of each ten


class ImageSize(NamedTuple):
    """Rows and columns of an image."""

    height: int
    width: int


@dataclass(frozen=True)
class Source:
    """A data set in this form: what it is called, where it comes from, and the folder of each kind of map."""

    name: str  # of the folder within the data folder
    origin: str  # where to get it, to be read after "get"
    folders: dict[str, tuple[str, ...]]  # name of a map -> its folder, or folders any of which will do
    absent: str = ""  # a folder that there must not be: it would be another data set


def find(source: Source, data: Path | None) -> Path:
    """The folder that holds ``train`` and ``val``: one called as the data set in ``data``, or ``data`` itself.

    Raises:
        DataUnavailableError: there is none; the message says how to get it.
    """
    for folder in [] if data is None else [data / source.name, data]:
        complete = all(_folder(folder / "train", names) is not None for names in source.folders.values())
        if complete and not (source.absent and (folder / "train" / source.absent).is_dir()):
            return folder
    where = "a folder that --data or BALANCERS_DATA names" if data is None else str(data / source.name)
    maps = ", ".join(" or ".join(names) for names in source.folders.values())
    raise DataUnavailableError(
        f"{source.name} is not there: get {source.origin}, and put its folders train and val (each with {maps}) into "
        f"{where}"
    )


def numbers(folder: Path, source: Source) -> list[int]:
    """The numbers of the examples in a part: 0, 1, 2, ..., the same in all of its folders.

    Raises:
        DataUnavailableError: a file is missing.
    """
    numbers_by_folder = {}
    for names in source.folders.values():
        maps = _folder(folder, names)
        if maps is None:
            raise DataUnavailableError(f"{folder} lacks the folder {' or '.join(names)}; get {source.origin} again")
        numbers_by_folder[maps] = {int(file.stem) for file in maps.glob("*.npy") if file.stem.isdecimal()}
    count = max(map(len, numbers_by_folder.values()))
    for maps, present in numbers_by_folder.items():
        if missing := sorted(set(range(max(count, 1))) - present):
            raise DataUnavailableError(f"{maps} lacks {missing[0]}.npy; get {source.origin} again")
    return list(range(count))


def split(examples: Sequence[int]) -> tuple[list[int], list[int]]:
    """Training and validation: four of forty runs of neighbours are held out, so that frames of a scene stay together.

    Raises:
        DataUnavailableError: there are too few.
    """
    held = [number * BLOCKS // len(examples) % 10 == HELD_OUT for number in range(len(examples))]
    parts = [
        [number for number, out in zip(examples, held, strict=True) if out == held_out] for held_out in (False, True)
    ]
    if not all(parts):
        raise DataUnavailableError(f"{len(examples)} training examples are too few to hold some out for validation")
    return parts[0], parts[1]


def read(
    folder: Path, names: Sequence[str], kind: Kind, examples: Sequence[int], size: ImageSize, classes: int
) -> Tensor:
    """The maps of some examples, resized to ``size``.

    Colours and directions are (N, 3, H, W), distances (N, H, W), all in single precision; classes are (N, H, W), int8,
    below ``classes``, and -1 where there is none. Colours are interpolated; of all else the nearest value is taken.

    Raises:
        DataUnavailableError: a file cannot be read, is of another form, or has a class that there cannot be; or no
            pixel of any example has a class (a single example may be without).
    """
    maps_folder = _folder(folder, names)
    assert maps_folder is not None
    channels = (3,) if kind in ("colours", "directions") else ()
    values = torch.empty(len(examples), *channels, *size, dtype=torch.int8 if kind == "classes" else torch.float32)
    for row, number in enumerate(examples):
        values[row] = _resized(_map(maps_folder / f"{number}.npy", kind, classes), kind, size)
    if kind == "classes" and bool((values == UNLABELLED).all()):
        raise DataUnavailableError(
            f"{maps_folder} has no labelled pixel in any of {len(examples)} examples, {examples[0]}.npy and on: all "
            f"are {UNLABELLED} (none); download it again"
        )
    return values


def resize_image(image: Tensor, size: ImageSize) -> Tensor:
    """An image (3, h, w) of another size, by interpolation that averages where it shrinks."""
    if tuple(image.shape[1:]) == size:
        return image
    return interpolate(image[None], size, mode="bilinear", align_corners=False, antialias=True)[0].clamp(0, 1)


def _folder(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _map(file: Path, kind: Kind, classes: int) -> Tensor:
    """What a file holds: colours (3, h, w), classes (1, h, w), distances (1, h, w) or directions (3, h, w)."""
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataUnavailableError(f"{file} cannot be read ({error}); download it again") from None
    if array.ndim != 2 + len(LAST_AXIS[kind]) or array.shape[2:] != LAST_AXIS[kind] or array.dtype.kind not in "fiu":
        expected = ", ".join(["height", "width", *map(str, LAST_AXIS[kind])])
        raise DataUnavailableError(f"{file} has numbers of shape {array.shape}; expected ({expected})")
    if kind == "classes":
        _check_classes(array, classes, file)
    values = torch.from_numpy(array.astype(np.float32))
    if not bool(values.isfinite().all()):
        raise DataUnavailableError(f"{file} has values that are not finite; download it again")
    return values.movedim(-1, 0) if LAST_AXIS[kind] else values[None]


def _check_classes(labels: np.ndarray, classes: int, file: Path) -> None:
    """Raise ``DataUnavailableError`` if there is a class that there cannot be."""
    wrong = labels[~np.isin(labels, np.arange(UNLABELLED, classes))]  # as they are in the file: a cast may wrap around
    if wrong.size:
        raise DataUnavailableError(
            f"{file} has the class {wrong[0]} where whole numbers from {UNLABELLED} (none) to {classes - 1} were "
            f"expected; get labels of {classes} classes"
        )


def _resized(values: Tensor, kind: Kind, size: ImageSize) -> Tensor:
    if kind == "colours":
        return resize_image(values, size)
    if tuple(values.shape[1:]) != size:
        values = interpolate(values[None], size, mode="nearest-exact")[0]
    return values if kind == "directions" else values[0]
