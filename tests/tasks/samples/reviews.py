"""Rated sentences, and a tiny BERT."""

from pathlib import Path

from tasks.suites.reviews import NAMES
from tests.tasks.answers import likeliest
from tests.tasks.files import rated_sentences, sentence_archive, write_tiny_bert

OPTIONS = {"trained_layers": 1, "sentences": 100, "max_length": 16}
ANSWERS = {task: likeliest(names) for task, names in NAMES.items()} | {"rating": r"[+-]\d\.\d of ±4"}


def write(folder: Path) -> None:
    """60 documents a domain."""
    (folder / "hutto_ICWSM_2014.tar.gz").write_bytes(sentence_archive(rated_sentences(documents=60, sentences=3)))
    write_tiny_bert(folder / "model")


def given(folder: Path) -> str:
    """A sentence."""
    return "the movie is good"
