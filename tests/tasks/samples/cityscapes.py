"""Streets with boxes, larger than the suite is told to make them."""

from pathlib import Path

from tasks.suites.cityscapes import CATEGORIES
from tests.tasks.answers import NUMBER, listed, one_of
from tests.tasks.dense_files import write_scenes
from tests.tasks.files import write_png

OPTIONS = {"height": 32, "width": 32, "channels": 4}
ANSWERS = {
    "segmentation": listed(rf"{one_of(CATEGORIES)} \d+%"),
    "depth": rf"median {NUMBER} of inverse depth, nine in ten between {NUMBER} and {NUMBER}",
}


def write(folder: Path) -> None:
    """40 streets for training and 8 for the test."""
    write_scenes(folder / "cityscapes", "label_7", 7, (40, 8), (32, 64), normals=False)


def given(folder: Path) -> str:
    """A picture of another size."""
    return write_png(folder / "own.png", 50, 70)
