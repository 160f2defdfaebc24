"""Words as hashed pieces, without a vocabulary: the whole word, its beginnings and endings, and its shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import torch
from torch import Tensor

BEGINNINGS, ENDINGS = 3, 4  # lengths of both, up to these
PIECES = 2 + BEGINNINGS + ENDINGS  # of a word


def pieces(sentences: Sequence[Sequence[str]], words: int, buckets: int) -> Tensor:
    """Numbers 1 to ``buckets`` of every word's pieces, (N, ``words``, `PIECES`), int32; 0 where there is no word.

    Words beyond the first ``words`` are left out.
    """
    piece_numbers = torch.zeros(len(sentences), words, PIECES, dtype=torch.int32)
    for row, sentence in zip(piece_numbers, sentences, strict=True):
        first_words = sentence[:words]
        row[: len(first_words)] = torch.tensor(
            [_numbers(word, buckets) for word in first_words], dtype=torch.int32
        ).view(-1, PIECES)
    return piece_numbers


@lru_cache(maxsize=100_000)
def _numbers(word: str, buckets: int) -> list[int]:
    """The numbers of a word's pieces; pieces of different kinds differ even if they are spelled the same."""
    lower = word.lower()
    texts = [f"word {lower}", f"shape {_shape(word)}"]
    texts += [f"begins {length} {lower[:length]}" for length in range(1, BEGINNINGS + 1)]
    texts += [f"ends {length} {lower[-length:]}" for length in range(1, ENDINGS + 1)]
    return [crc32(text.encode()) % buckets + 1 for text in texts]


def _shape(word: str) -> str:
    """Letters as X and x, digits as 0, all runs of one kind as one: Mac-15s is Xx-0x."""
    kinds = re.sub(r"[^\W\d_]", lambda letter: "X" if letter[0].isupper() else "x", word)
    return re.sub(r"(.)\1+", r"\1", re.sub(r"\d", "0", kinds))
