"""Small scenes as folders of .npy files, in the form that the authors of MTAN published."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

HIDDEN = 3  # rows in one corner of each map where nothing is known


class Scene(NamedTuple):
    """An image and its maps."""

    image: np.ndarray  # (h, w, 3), 0 to 1
    label: np.ndarray  # (h, w), -1: none
    depth: np.ndarray  # (h, w, 1), 0: none
    normal: np.ndarray  # (h, w, 3), zeros: none


def scene(number: int, classes: int, height: int, width: int) -> Scene:
    """A wall, a floor and a box; a class is a hue and a direction, and what is nearer is brighter."""
    rng = np.random.default_rng(number)
    top, left = rng.integers(height * 2 // 3), rng.integers(width * 2 // 3)
    wall, floor, box = (
        np.s_[: height // 2],
        np.s_[height // 2 :],
        np.s_[top : top + height // 3, left : left + width // 3],
    )
    label, depth = np.zeros((height, width), dtype=int), np.zeros((height, width))
    for surface in (wall, floor, box):
        label[surface], depth[surface] = rng.integers(classes), rng.uniform(1, 4)
    hues = np.arange(classes)[:, None] / classes + np.array([0, 1 / 3, 2 / 3])
    colours = 0.5 + 0.5 * np.cos(2 * np.pi * hues)  # (classes, 3)
    directions = np.stack([np.cos(2 * np.pi * hues[:, 0]), np.sin(2 * np.pi * hues[:, 0]), np.ones(classes)], 1)
    image = np.clip(colours[label] / depth[..., None] + rng.normal(0, 0.01, (height, width, 3)), 0, 1)
    normal = (directions / 2**0.5)[label]
    label[:HIDDEN, :5], depth[:HIDDEN, -5:], normal[-HIDDEN:, :5] = -1, 0, 0
    return Scene(image, label, depth[..., None], normal)


def write_scenes(
    folder: Path, labels: str, classes: int, counts: tuple[int, int], size: tuple[int, int], *, normals: bool
) -> None:
    """Folders train and val with so many scenes; the labels lie in the folder ``labels``."""
    first = 0
    for part, count in zip(("train", "val"), counts, strict=True):
        kinds = {"image": "image", labels: "label", "depth": "depth"} | ({"normal": "normal"} if normals else {})
        for kind in kinds:
            (folder / part / kind).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            example = scene(first + index, classes, *size)
            for kind, field in kinds.items():
                np.save(folder / part / kind / f"{index}.npy", getattr(example, field))
        first += count
