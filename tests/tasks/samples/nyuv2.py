"""Rooms with boxes, larger than the suite is told to make them."""

from pathlib import Path

from tests.tasks.dense_files import write_scenes

OPTIONS = {"height": 32, "width": 32, "channels": 4}


def write(folder: Path) -> None:
    """40 rooms for training and 8 for the test."""
    write_scenes(folder / "nyuv2", "label", 13, (40, 8), (36, 48), normals=True)
