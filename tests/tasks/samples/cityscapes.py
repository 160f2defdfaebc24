"""Streets with boxes, larger than the suite is told to make them."""

from pathlib import Path

from tests.tasks.dense_files import write_scenes

OPTIONS = {"height": 32, "width": 32, "channels": 4}


def write(folder: Path) -> None:
    """40 streets for training and 8 for the test."""
    write_scenes(folder / "cityscapes", "label_7", 7, (40, 8), (32, 64), normals=False)
