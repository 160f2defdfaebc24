"""Rated sentences, a small treebank, and a tiny BERT."""

from pathlib import Path

from tasks.suites.sentiment_genre import CLASSES
from tests.tasks.answers import likeliest
from tests.tasks.ewt_files import write_ewt
from tests.tasks.files import rated_sentences, sentence_archive, write_tiny_bert

OPTIONS = {"trained_layers": 1, "sentiment_sentences": 100, "max_length": 16}
ANSWERS = {task: likeliest(names) for task, names in CLASSES.items()}


def write(folder: Path) -> None:
    """60 documents of every domain, and 10 of every genre in dev and in test."""
    (folder / "hutto_ICWSM_2014.tar.gz").write_bytes(sentence_archive(rated_sentences(documents=60, sentences=3)))
    write_ewt(folder / "ewt")
    write_tiny_bert(folder / "model")


def given(folder: Path) -> str:
    """A sentence."""
    return "the movie is good"
