"""Eleven recordings of each digit by each speaker."""

from pathlib import Path

from tests.tasks.files import write_spoken_digits

OPTIONS = {"train_utterances": 40, "other_utterances": 8, "recordings": 11, "width": 8}


def write(folder: Path) -> None:
    """660 wav files, in a folder of the dataset's name."""
    write_spoken_digits(folder / "free-spoken-digit-dataset" / "recordings", recordings=11)
