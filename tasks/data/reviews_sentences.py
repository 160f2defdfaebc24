"""Real sentences from four domains with human ratings: reading them, and splitting them fairly."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.contract import DataUnavailableError
from tasks.data.documents import Corpus
from tasks.data.sources import Distribution

RATED_SENTENCES = Distribution(
    "vaderSentiment",
    "3.3.2",
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
DOMAINS = {  # domain -> its file
    "product": "amazonReviewSnippets_GroundTruth.txt",
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "editorial": "nytEditorialSnippets_GroundTruth.txt",
    "tweet": "tweets_GroundTruth.txt",
}
NEUTRAL = 0.5  # mean ratings within ± this are neither negative nor positive
SHARES = (0.8, 0.1, 0.1)


class RatedSentence(NamedTuple):
    """A sentence with its human rating."""

    document: str  # the review, article or tweet it was cut from; unique within a domain
    rating: float  # mean over 20 raters, -4 to 4
    text: str
    domain: int


OPINIONS = Corpus[RatedSentence]("reviews", tuple(DOMAINS), lambda sentence: sentence.domain, SHARES)


def read_sentences(packed: bytes) -> list[RatedSentence]:
    """All sentences of the gzipped tar archive ``packed``, domain by domain.

    Raises:
        DataUnavailableError: the archive is damaged, or lacks a file.
    """
    sentences = []
    try:
        with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
            for domain, name in enumerate(DOMAINS.values()):
                file = opened.extractfile(f"hutto_ICWSM_2014/{name}")
                lines = file.read().decode().splitlines() if file else []
                sentences += [_sentence(line, domain) for line in lines if line.strip()]
    except (KeyError, ValueError, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataUnavailableError(
            f"the archive of rated sentences cannot be read ({error}); {RATED_SENTENCES.how_to_replace(ARCHIVE)}"
        ) from None
    return sentences


def distinct(sentences: Sequence[RatedSentence]) -> list[RatedSentence]:
    """The first of all sentences that differ in capitals and spaces at most."""
    first: dict[str, RatedSentence] = {}
    for sentence in sentences:
        first.setdefault(" ".join(sentence.text.lower().split()), sentence)
    return list(first.values())


def targets_of(sentences: Sequence[RatedSentence]) -> dict[str, Tensor]:
    """Sentiment (0 negative, 1 neutral, 2 positive), domain and rating, each (N,)."""
    rating = torch.tensor([sentence.rating for sentence in sentences], dtype=torch.float64)
    sentiment = (rating >= -NEUTRAL).long() + (rating > NEUTRAL).long()
    domain = torch.tensor([sentence.domain for sentence in sentences])
    return {"sentiment": sentiment, "domain": domain, "rating": rating.float()}


def _sentence(line: str, domain: int) -> RatedSentence:
    identity, rating, text = line.split("\t")
    return RatedSentence(identity.split("_")[0], float(rating), text.strip(), domain)
