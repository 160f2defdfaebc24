"""Small pictures and lists in the form of CelebA's official folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tasks.data.celeba_files import ATTRIBUTES

HEIGHT, WIDTH, PATCH = 218, 178, 56
COLOURS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1))


def picture(number: int) -> tuple[np.ndarray, list[bool]]:
    """Colours (218, 178, 3), uint8, and the attributes: each says whether there is a patch of one of seven colours."""
    rng = np.random.default_rng(number)
    present = rng.random(len(COLOURS)) < np.linspace(0.25, 0.6, len(COLOURS))
    image = rng.integers(0, 40, (HEIGHT, WIDTH, 3))
    places = rng.permutation(9)
    for place, colour in zip(places, np.array(COLOURS)[present], strict=False):
        top, left = rng.integers(8, 16) + place // 3 * 64, place % 3 * PATCH
        image[top : top + PATCH, left : left + PATCH] += 200 * colour
    return image.astype(np.uint8), [bool(present[i % len(COLOURS)]) for i in range(len(ATTRIBUTES))]


def write_celeba(folder: Path, counts: tuple[int, int, int], *, official: bool = True) -> None:
    """So many pictures for training, validation and test, in the official subfolders or side by side."""
    images, table, parts = (folder / (name if official else "") for name in ("Img", "Anno", "Eval"))
    (images / "img_align_celeba").mkdir(parents=True)
    for subfolder in (table, parts):
        subfolder.mkdir(exist_ok=True)
    rows, lines = [], []
    for number in range(sum(counts)):
        name = f"{number + 1:06d}.jpg"
        colours, attributes = picture(number)
        Image.fromarray(colours).save(images / "img_align_celeba" / name, quality=95)
        rows.append(" ".join([name, *(" 1" if holds else "-1" for holds in attributes)]))
        lines.append(f"{name} {int(np.searchsorted(np.cumsum(counts), number, side='right'))}")
    header = [str(len(rows)), " ".join(ATTRIBUTES) + " "]
    (table / "list_attr_celeba.txt").write_text("\n".join([*header, *rows]) + "\n")
    (parts / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
