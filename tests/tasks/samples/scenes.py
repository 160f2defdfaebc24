"""The table of digits."""

from pathlib import Path

from tests.tasks.answers import NUMBER, likeliest, listed, one_of
from tests.tasks.files import digits_table, write_png

OPTIONS = {"side": 32, "train_scenes": 12, "other_scenes": 6}
DIGITS = list(map(str, range(10)))
ANSWERS = {
    "detection": "nothing|" + listed(rf"{likeliest(DIGITS)} at {listed(NUMBER)}", "; "),
    "segmentation": listed(rf"{one_of(['background', *DIGITS])} \d+\.\d%"),
    "classification": likeliest(DIGITS),
}


def write(folder: Path) -> None:
    """200 digits."""
    (folder / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))


def given(folder: Path) -> str:
    """A picture of another size."""
    return write_png(folder / "own.png", 40, 64)
