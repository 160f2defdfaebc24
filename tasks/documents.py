"""Splits that share nothing: no document is in two of them, and no sentence."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import accumulate
from typing import TypeVar

import torch

from tasks.base import seed_for

T = TypeVar("T")


def split_documents(documents: Sequence[Sequence[T]], shares: Sequence[float], purpose: str) -> list[list[T]]:
    """Parts with the given shares of all sentences, cut between documents, whose order ``purpose`` fixes.

    A document goes where its middle lies.
    """
    parts: list[list[T]] = [[] for _ in shares]
    edges = list(accumulate(shares))[:-1]
    total, done = sum(map(len, documents)), 0
    for position in shuffled(len(documents), purpose):
        document = documents[position]
        middle = (done + len(document) / 2) / total
        parts[sum(middle > edge for edge in edges)] += document
        done += len(document)
    return parts


def without_repeats(parts: Sequence[Sequence[T]], key: Callable[[T], Hashable]) -> list[list[T]]:
    """The parts without what is in a later one: that has the same ``key``. The last part stays whole."""
    later: set[Hashable] = set()
    kept = []
    for part in reversed(parts):
        keys = [key(sentence) for sentence in part]
        kept.append([sentence for sentence, own in zip(part, keys, strict=True) if own not in later])
        later.update(keys)
    return kept[::-1]


def shuffled(count: int, purpose: str) -> list[int]:
    """``count`` positions in an order that ``purpose`` fixes."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed_for(purpose, 0))).tolist()
