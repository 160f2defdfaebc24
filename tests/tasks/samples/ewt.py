"""A small treebank with its layers, and a tiny BERT."""

from pathlib import Path

from tasks.data.ewt_treebank import GENRES
from tasks.suites.ewt import MARKED
from tests.tasks.answers import listed, one_of
from tests.tasks.ewt_files import write_ewt
from tests.tasks.files import write_tiny_bert

OPTIONS = {"trained_layers": 1, "max_length": 16}
ROLE = r"(movie|1|good) \([\w-]+\)"
ANSWERS = {
    "genre": one_of(GENRES),
    "entities": MARKED,
    "roles": rf"is: (none|{listed(ROLE)})",
}


def write(folder: Path) -> None:
    """10 documents of every genre in dev and in test."""
    write_ewt(folder / "ewt")
    write_tiny_bert(folder / "model")


def given(folder: Path) -> str:
    """A sentence with a predicate."""
    return "movie 1 *is* good"
