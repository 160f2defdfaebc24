"""Fashion-MNIST's four files."""

from pathlib import Path

from tests.tasks.files import write_mnist

OPTIONS = {"train_pairs": 40, "other_pairs": 8}


def write(folder: Path) -> None:
    """120 training garments and 30 for the test."""
    write_mnist(folder / "fashion-mnist", list(range(10)) * 12, list(range(10)) * 3)
