"""CelebA's folder: which faces there are, what holds for them, and their pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.contract import DataUnavailableError
from tasks.data.images import read_image

NAME = "celeba"
ATTRIBUTES = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose"),
    *("Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses"),
    *("Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache"),
    *("Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick"),
    *("Wearing_Necklace", "Wearing_Necktie", "Young"),
)
PICTURES, TABLE, PARTS = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
FOLDERS = ("", "Img", "Anno", "Eval")  # where these lie: together, or as in the official download


class Faces(NamedTuple):
    """The pictures of one split, in the order of the files."""

    names: list[str]  # of files
    attributes: Tensor  # (N, 40), bool

    def take(self, index: Tensor) -> Faces:
        """Those at ``index``."""
        return Faces([self.names[i] for i in index.tolist()], self.attributes[index])


def find(data: Path | None, name: str) -> Path:
    """A file or folder of CelebA: in ``celeba`` of the data folder, or in the data folder itself.

    Raises:
        DataUnavailableError: it is not there; the message says how to get it.
    """
    for folder in [] if data is None else [data / NAME, data]:
        for inside in FOLDERS:
            if (folder / inside / name).exists():
                return folder / inside / name
    where = "a folder that --data or BALANCERS_DATA names" if data is None else str(data / NAME)
    raise DataUnavailableError(
        f"CelebA's {name} is not there: get {PICTURES}.zip (and unpack it), {TABLE} and {PARTS} from the page of "
        f"CelebA at the Multimedia Laboratory of the Chinese University of Hong Kong, and put them into {where}"
    )


def read_faces(table: Path, parts: Path) -> list[Faces]:
    """The faces of training, validation and test, by the official partition.

    Raises:
        DataUnavailableError: a file is of another form, or the two do not fit.
    """
    names, attributes = _parse_attributes(_lines(table), table)
    part = _parse_partition(_lines(parts), parts)
    if lacking := next((name for name in names if name not in part), None):
        raise DataUnavailableError(f"{parts} has no line for {lacking}; download it again")
    numbers = torch.tensor([part[name] for name in names])
    whole = Faces(names, attributes)
    faces = [whole.take(torch.nonzero(numbers == number).flatten()) for number in range(3)]
    if not all(split.names for split in faces):
        raise DataUnavailableError(f"{parts} leaves one of its three parts empty; download it again")
    return faces


def read_pictures(folder: Path, names: Sequence[str], side: int) -> Tensor:
    """The pictures (N, 3, side, side), uint8, squeezed to a square as papers do.

    Raises:
        DataUnavailableError: one is missing or damaged.
    """
    pictures = torch.empty(len(names), 3, side, side, dtype=torch.uint8)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            read = pool.map(partial(read_image, size=(side, side)), [folder / name for name in names])
            for row, picture in enumerate(read):
                pictures[row] = picture
    except ValueError as error:
        raise DataUnavailableError(f"a picture is missing or damaged ({error}); unpack {PICTURES}.zip again") from None
    return pictures


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnavailableError(f"{file} cannot be read ({error}); download it again") from None


def _parse_attributes(lines: Sequence[str], file: Path) -> tuple[list[str], Tensor]:
    """Names (N) and attributes (N, 40): a line with N, one with the attributes' names, one a picture with 1 or -1."""
    if len(lines) < 3 or lines[0].strip() != str(len(lines) - 2):
        count_line = lines[0].strip() if lines else "nothing"
        raise DataUnavailableError(
            f"{file} says {count_line} and has {max(len(lines) - 2, 0)} pictures; download it again"
        )
    if tuple(lines[1].split()) != ATTRIBUTES:
        raise DataUnavailableError(f"the second line of {file} does not name CelebA's 40 attributes; download it again")
    rows = [line.split() for line in lines[2:]]
    for row in rows:
        if len(row) != 1 + len(ATTRIBUTES) or not set(row[1:]) <= {"1", "-1"}:
            raise DataUnavailableError(
                f"{file}: the line of {row[0]} is not a name and 40 times 1 or -1; download it again"
            )
    return [row[0] for row in rows], torch.tensor([[value == "1" for value in row[1:]] for row in rows])


def _parse_partition(lines: Sequence[str], file: Path) -> dict[str, int]:
    """Name -> 0 (training), 1 (validation) or 2 (test)."""
    rows = [line.split() for line in lines]
    for row in rows:
        if len(row) != 2 or row[1] not in ("0", "1", "2"):
            raise DataUnavailableError(f"{file}: the line of {row[0]} is not a name and 0, 1 or 2; download it again")
    return {name: int(part) for name, part in rows}
