"""The table of digits."""

from pathlib import Path

from tests.tasks.files import digits_table

OPTIONS = {"side": 32, "train_scenes": 12, "other_scenes": 6}


def write(folder: Path) -> None:
    """200 digits."""
    (folder / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))
