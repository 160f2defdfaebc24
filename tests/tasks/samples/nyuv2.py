"""Rooms with boxes, larger than the suite is told to make them."""

from pathlib import Path

from tasks.suites.nyuv2 import CLASSES
from tests.tasks.answers import NUMBER, listed, one_of
from tests.tasks.dense_files import write_scenes
from tests.tasks.files import write_png

OPTIONS = {"height": 32, "width": 32, "channels": 4}
ANSWERS = {
    "segmentation": listed(rf"{one_of(CLASSES)} \d+%"),
    "depth": rf"median {NUMBER} m, nine in ten between {NUMBER} and {NUMBER}",
    "normals": rf"mean direction \({listed(NUMBER)}\)",
}


def write(folder: Path) -> None:
    """40 rooms for training and 8 for the test."""
    write_scenes(folder / "nyuv2", "label", 13, (40, 8), (36, 48), normals=True)


def given(folder: Path) -> str:
    """A picture of another size."""
    return write_png(folder / "own.png", 50, 70)
