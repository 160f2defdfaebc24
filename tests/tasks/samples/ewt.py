"""A small treebank with its layers, and a tiny BERT."""

from pathlib import Path

from tests.tasks.ewt_files import write_ewt
from tests.tasks.files import write_tiny_bert

OPTIONS = {"trained_layers": 1, "max_length": 16}


def write(folder: Path) -> None:
    """10 documents of every genre in dev and in test."""
    write_ewt(folder / "ewt")
    write_tiny_bert(folder / "model")
