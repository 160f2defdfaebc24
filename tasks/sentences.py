"""Real sentences from four domains with human ratings: reading them, and splitting them fairly."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.base import DataUnavailableError
from tasks.documents import shuffled, split_documents
from tasks.sources import Distribution

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


class Sentence(NamedTuple):
    """A sentence with its human rating."""

    document: str  # the review, article or tweet it was cut from; unique within a domain
    rating: float  # mean over 20 raters, -4 to 4
    text: str
    domain: int


def read_sentences(packed: bytes) -> list[Sentence]:
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
        raise DataUnavailableError(f"the archive of rated sentences cannot be read ({error}); fetch it again") from None
    return sentences


def distinct(sentences: Sequence[Sentence]) -> list[Sentence]:
    """The first of all sentences that differ in capitals and spaces at most."""
    first: dict[str, Sentence] = {}
    for sentence in sentences:
        first.setdefault(" ".join(sentence.text.lower().split()), sentence)
    return list(first.values())


def split_by_document(sentences: Sequence[Sentence]) -> list[list[Sentence]]:
    """Three parts with 80, 10 and 10 per cent of each domain's sentences, cut between documents in a fixed order."""
    parts: list[list[Sentence]] = [[] for _ in SHARES]
    for domain, name in enumerate(DOMAINS):
        documents: dict[str, list[Sentence]] = {}
        for sentence in sentences:
            if sentence.domain == domain:
                documents.setdefault(sentence.document, []).append(sentence)
        for part, own in zip(parts, split_documents([*documents.values()], SHARES, f"reviews/{name}"), strict=True):
            part.extend(own)
    return parts


def subset(part: Sequence[Sentence], wanted: int | None, total: int) -> list[Sentence]:
    """The share ``wanted / total`` of each domain in ``part``, by a fixed seed; all of it where ``wanted`` is none."""
    if wanted is None or wanted >= total:
        return list(part)
    taken: list[Sentence] = []
    for domain, name in enumerate(DOMAINS):
        own = [sentence for sentence in part if sentence.domain == domain]
        taken += [own[i] for i in shuffled(len(own), f"reviews/subset/{name}")[: round(len(own) * wanted / total)]]
    return taken


def targets_of(sentences: Sequence[Sentence]) -> dict[str, Tensor]:
    """Sentiment (0 negative, 1 neutral, 2 positive), domain and rating, each (N,)."""
    rating = torch.tensor([sentence.rating for sentence in sentences], dtype=torch.float64)
    sentiment = (rating >= -NEUTRAL).long() + (rating > NEUTRAL).long()
    domain = torch.tensor([sentence.domain for sentence in sentences])
    return {"sentiment": sentiment, "domain": domain, "rating": rating.float()}


def _sentence(line: str, domain: int) -> Sentence:
    identity, rating, text = line.split("\t")
    return Sentence(identity.split("_")[0], float(rating), text.strip(), domain)
