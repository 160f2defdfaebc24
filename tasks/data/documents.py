"""Splits of sentences such that no document and no sentence is in two of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Protocol, TypeVar

import torch

from tasks.contract import seed_for

T = TypeVar("T")


class HasDocument(Protocol):
    """A sentence that has a field for the name of its document."""

    @property
    def document(self) -> str:
        """The name of the document that the sentence is from."""
        ...


S = TypeVar("S", bound=HasDocument)


@dataclass(frozen=True)
class Corpus(Generic[S]):
    """Sentences of several kinds, in documents of one kind each.

    Attributes:
        purpose: the seed of the random orders, as a text.
        kinds: the names of the kinds.
        kind: the position in ``kinds`` of a sentence's kind.
        shares: the share of all sentences in each part of a split.
    """

    purpose: str
    kinds: Sequence[str]
    kind: Callable[[S], int]
    shares: Sequence[float]

    def split(self, sentences: Sequence[S]) -> list[list[S]]:
        """Parts with the shares of each kind's sentences, cut between documents in a fixed order."""
        parts: list[list[S]] = [[] for _ in self.shares]
        for name, sentences_of_kind in self._by_kind(sentences):
            documents: dict[str, list[S]] = {}
            for sentence in sentences_of_kind:
                documents.setdefault(sentence.document, []).append(sentence)
            pieces = split_documents([*documents.values()], self.shares, f"{self.purpose}/{name}")
            for part, piece in zip(parts, pieces, strict=True):
                part.extend(piece)
        return parts

    def subset(self, part: Sequence[S], count: int | None, total: int) -> list[S]:
        """The share ``count / total`` of each kind in ``part``, by a fixed seed; all of it if ``count`` is none."""
        if count is None or count >= total:
            return list(part)
        chosen: list[S] = []
        for name, sentences in self._by_kind(part):
            order = shuffled(len(sentences), f"{self.purpose}/subset/{name}")
            chosen += [sentences[i] for i in order[: round(len(sentences) * count / total)]]
        return chosen

    def _by_kind(self, sentences: Sequence[S]) -> list[tuple[str, list[S]]]:
        groups = [[sentence for sentence in sentences if self.kind(sentence) == k] for k in range(len(self.kinds))]
        return [(name, group) for name, group in zip(self.kinds, groups, strict=True) if group]


def split_documents(documents: Sequence[Sequence[T]], shares: Sequence[float], purpose: str) -> list[list[T]]:
    """Parts with the given shares of all sentences, cut between documents, whose order ``purpose`` fixes.

    A document belongs to the part that contains its midpoint.
    """
    parts: list[list[T]] = [[] for _ in shares]
    edges = list(accumulate(shares))[:-1]
    total, start = sum(map(len, documents)), 0
    for position in shuffled(len(documents), purpose):
        document = documents[position]
        midpoint = (start + len(document) / 2) / total
        parts[sum(midpoint > edge for edge in edges)] += document
        start += len(document)
    return parts


def without_repeats(parts: Sequence[Sequence[T]], key: Callable[[T], Hashable]) -> list[list[T]]:
    """The parts without sentences whose ``key`` occurs in a later part. The last part stays whole."""
    later_keys: set[Hashable] = set()
    distinct_parts = []
    for part in reversed(parts):
        keys = [key(sentence) for sentence in part]
        distinct_parts.append([sentence for sentence, own in zip(part, keys, strict=True) if own not in later_keys])
        later_keys.update(keys)
    return distinct_parts[::-1]


def shuffled(count: int, purpose: str) -> list[int]:
    """``count`` positions in an order that ``purpose`` fixes."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed_for(purpose, 0))).tolist()
