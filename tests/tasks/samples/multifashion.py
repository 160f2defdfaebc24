"""Fashion-MNIST's four files."""

from pathlib import Path

from tasks.data.mnist_files import GARMENTS
from tests.tasks.answers import likeliest
from tests.tasks.files import write_mnist, write_png

OPTIONS = {"train_pairs": 40, "other_pairs": 8}
ANSWERS = dict.fromkeys(("left", "right"), likeliest(GARMENTS))


def write(folder: Path) -> None:
    """120 training garments and 30 for the test."""
    write_mnist(folder / "fashion-mnist", list(range(10)) * 12, list(range(10)) * 3)


def given(folder: Path) -> str:
    """A canvas."""
    return write_png(folder / "own.png", 36, 36)
