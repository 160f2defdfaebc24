"""The table of digits."""

from pathlib import Path

from tests.tasks.files import digits_table

OPTIONS = {"train_pairs": 40, "other_pairs": 8}


def write(folder: Path) -> None:
    """200 digits."""
    (folder / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))
