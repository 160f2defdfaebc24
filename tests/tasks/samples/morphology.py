"""A small treebank."""

from pathlib import Path

from tasks.suites.morphology import LABELS
from tests.tasks.answers import listed, one_of
from tests.tasks.ewt_files import write_ewt

OPTIONS = {"max_words": 12, "buckets": 64, "width": 16, "layers": 1}
ANSWERS = {task: "none|" + listed(rf"(They|are|here) \({one_of(labels[1:])}\)") for task, labels in LABELS.items()}


def write(folder: Path) -> None:
    """10 documents of every genre in dev and in test."""
    write_ewt(folder / "ewt")


def given(folder: Path) -> str:
    """A sentence."""
    return "They are here"
