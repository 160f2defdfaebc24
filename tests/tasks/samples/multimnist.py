"""The table of digits."""

from pathlib import Path

from tests.tasks.answers import likeliest
from tests.tasks.files import digits_table, write_png

OPTIONS = {"train_pairs": 40, "other_pairs": 8}
ANSWERS = dict.fromkeys(("left", "right"), likeliest(map(str, range(10))))


def write(folder: Path) -> None:
    """200 digits."""
    (folder / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))


def given(folder: Path) -> str:
    """A canvas."""
    return write_png(folder / "own.png", 36, 36)
