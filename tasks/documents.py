"""Splits that keep documents whole: no document is in two of them."""

from __future__ import annotations

from collections.abc import Sequence
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


def shuffled(count: int, purpose: str) -> list[int]:
    """``count`` positions in an order that ``purpose`` fixes."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed_for(purpose, 0))).tolist()
