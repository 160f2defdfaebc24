"""A small treebank."""

from pathlib import Path

from tests.tasks.ewt_files import write_ewt

OPTIONS = {"max_words": 12, "buckets": 64, "width": 16, "layers": 1}


def write(folder: Path) -> None:
    """10 documents of every genre in dev and in test."""
    write_ewt(folder / "ewt")
