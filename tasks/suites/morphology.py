"""The inflection of English words: one task for each morphological feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from tasks.base import (
    DataUnavailableError,
    MultiTaskModel,
    Split,
    Splits,
    Suite,
    Task,
    check_tasks,
    seeded,
    seeded_heads,
)
from tasks.data.ewt_treebank import TREEBANK, WEB, Source, TreebankSentence, check_source, read_splits
from tasks.data.labels import ABSENT, OUTSIDE
from tasks.data.morphology_pieces import pieces
from tasks.data.words import split_words
from tasks.networks.morphology_transformer import HEADS, TransformerSize, WordTransformer
from tasks.registry import register
from tasks.scoring.sequence_labels import cross_entropy_where_labelled
from tasks.scoring.tagging import label_scores

FEATURES = {  # of the universal dependencies, with the values they have in English
    "Number": ("Sing", "Plur", "Ptan"),
    "PronType": ("Art", "Dem", "Emp", "Ind", "Int", "Neg", "Prs", "Rcp", "Rel", "Tot"),
    "VerbForm": ("Fin", "Ger", "Inf", "Part"),
    "Person": ("1", "2", "3"),
    "Tense": ("Past", "Pres"),
    "Mood": ("Imp", "Ind", "Sub"),
    "Degree": ("Cmp", "Pos", "Sup"),
    "Case": ("Acc", "Gen", "Nom"),
    "Definite": ("Def", "Ind"),
    "NumForm": ("Combi", "Digit", "Roman", "Word"),
    "NumType": ("Card", "Frac", "Mult", "Ord"),
    "Gender": ("Fem", "Masc", "Neut"),
    "Poss": ("Yes",),
    "Voice": ("Pass",),
    "Polarity": ("Neg", "Pos"),
    "Typo": ("Yes",),
}
LABELS = {name.lower(): ("none", *values, "other") for name, values in FEATURES.items()}  # by task
COLUMN = 5  # of the treebank, for features


@register("morphology")
@dataclass(frozen=True)
class Morphology(Suite):
    """Inflection of English words, as in "gave": finite, past, indicative; 16 features, each a task.

    - Source: English EWT, ``en_ewt-ud-*.conllu`` of UniversalDependencies/UD_English-EWT on GitHub (licence: CC BY-SA
      4.0), in the data folder or in ``ewt`` in it.
    - Splits: ``source`` says which. ``"official"``: train, dev and test as they come. ``"dev+test"``: the documents of
      dev and test alone (2,790 / 349 / 851 sentences), cut by 70 / 10 / 20 per cent of each genre's sentences.
      ``"auto"``: official, where train is there. Numbers from the two are not comparable. A document is never in two
      splits, and a sentence is left out if the same words are in a later split.
    - Tasks: the features that at least 300 of the 50,241 words of dev and test have: from ``number`` (19,287 words) to
      ``typo`` (345). The model answers every feature for every word: its value, or that the word has none. To find out
      that a word has no tense is a part of the task. Loss: cross-entropy over all words.
    - Metric: F1 of the values that words have, with precision and recall. The answer that a word has none, by far the
      largest class, does not count: a model that always answers so gets 0.
    - Encoder: trained from scratch; a word is the mean of the vectors of nine pieces (itself, its first 1 to 3 and last
      1 to 4 letters, all in small letters, and its shape), hashed into ``buckets``, so that no vocabulary is needed;
      then ``layers`` layers of a transformer of ``width``. Features (N, W, width), zeros where there is no word. Heads:
      one affine layer each. Last shared layer: the last of the transformer.

    ``max_words`` cuts sentences (48 words hold 99 of 100 whole). ``sentences`` takes a fixed part of each split, with
    the genres in proportion.

    Reference: de Marneffe et al., Universal Dependencies, Computational Linguistics 2021.
    """

    sentences: int | None = None
    max_words: int = 128
    buckets: int = 8192
    width: int = 128
    layers: int = 2
    source: Source = "auto"

    version = 1
    summary = "16 morphological features of English words (small transformer)"

    def __post_init__(self) -> None:
        if self.sentences is not None and self.sentences < 100:
            raise ValueError(f"sentences must be at least 100, so that every genre is tested, not {self.sentences}")
        for option in ("max_words", "buckets", "layers"):
            if getattr(self, option) < 1:
                raise ValueError(f"{option} must be at least 1, not {getattr(self, option)}")
        if self.width < HEADS or self.width % HEADS:
            raise ValueError(f"width must be a multiple of {HEADS}, the heads of attention, not {self.width}")
        check_source(self.source)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """One task for each feature, with its name in small letters."""
        return tuple(
            Task(name.lower(), cross_entropy_where_labelled, label_scores(), absent=ABSENT) for name in FEATURES
        )

    def load(self, data: Path | None = None) -> Splits:
        """Pieces of words (N, W, 9), and for every task the words' values (N, W)."""
        parts = read_splits((TREEBANK,), data, self.source)
        total = sum(map(len, parts))
        return Splits(*(self._split(WEB.subset(part, self.sentences, total)) for part in parts))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """A transformer and its heads."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = WordTransformer(TransformerSize(self.buckets, self.max_words, self.width, self.layers))
        heads = seeded_heads(seed, tasks, lambda name: nn.Linear(self.width, len(LABELS[name])))
        return MultiTaskModel(encoder, heads, last_shared=encoder.layers[-1])

    def read(self, user_input: str) -> dict[str, Tensor]:
        """A sentence.

        Raises:
            ValueError: there is no word in it.
        """
        words = split_words(user_input)
        if not words:
            raise ValueError(f"there is no word in {user_input!r}; give a sentence")
        return {"pieces": pieces([words], self.max_words, self.buckets)}

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:
        """For every feature, the words that have it, each with its value."""
        words = split_words(user_input)[: self.max_words]
        sentences = {}
        for task, labels in LABELS.items():
            if task in outputs:
                best = zip(words, outputs[task][0].argmax(-1).tolist(), strict=False)
                having = [f"{word} ({labels[label]})" for word, label in best if label != OUTSIDE]
                sentences[task] = ", ".join(having) or "none"
        return sentences

    def _split(self, part: Sequence[TreebankSentence]) -> Split:
        inputs = pieces([sentence.words for sentence in part], self.max_words, self.buckets)
        values = torch.full((len(part), self.max_words, len(FEATURES)), ABSENT)
        for row, sentence in zip(values, part, strict=True):
            word_values = torch.tensor([values_of(word[COLUMN]) for word in sentence.rows[TREEBANK][: self.max_words]])
            row[: len(word_values)] = word_values
        return Split({"pieces": inputs}, dict(zip(LABELS, values.unbind(-1), strict=True)))


@lru_cache
def values_of(column: str) -> list[int]:
    """The label of a word for every feature, from ``Case=Nom|Number=Sing``; a value not in `LABELS` is ``other``.

    Raises:
        DataUnavailableError: the column is damaged.
    """
    try:
        features = {} if column == "_" else dict(pair.split("=") for pair in column.split("|"))
    except ValueError:
        raise DataUnavailableError(
            f"{column!r} is no list of features; replace {TREEBANK.file.format('*')} with the files in "
            f"https://github.com/{TREEBANK.repository}"
        ) from None
    return [_number(features.get(name), labels) for name, labels in zip(FEATURES, LABELS.values(), strict=True)]


def _number(value: str | None, labels: Sequence[str]) -> int:
    if value is None:
        return OUTSIDE
    return labels.index(value) if value in labels else len(labels) - 1
