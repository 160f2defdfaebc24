"""The shared encoder and heads of `ewt`: a pretrained BERT whose output at a word's first token stands for the word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from tasks.networks.bert import SentenceEncoder, Tokens

if TYPE_CHECKING:
    from transformers import BertModel

REACH = 8  # words before and after a marked word that have places of their own
HERE = REACH + 1  # the place of the marked word itself
PLACE_SCALE = 0.3  # deviation of the initial vectors of places: comparable to hidden states, and not larger


class Words(NamedTuple):
    """Sentences as tokens, and where their words are among them."""

    tokens: Tokens
    owner: Tensor  # (N, T), int64: which word of the sentence a token is part of; -1 where of none
    first: Tensor  # (N, W), int64: a word's first token; 0, which is no word's, where there is none


def tokenise_words(folder: Path, sentences: Sequence[Sequence[str]], length: int) -> Words:
    """Sentences given as words, cut to ``length`` tokens and padded to it; W is as large as can be, ``length`` - 2.

    A word that is cut off, or has no token at all, has 0 in ``first``.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - listing suites must not wait for it

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    encoded = tokenizer.encode_batch([list(words) for words in sentences], is_pretokenized=True)
    ids = torch.tensor([sentence.ids for sentence in encoded], dtype=torch.int32)
    mask = torch.tensor([sentence.attention_mask for sentence in encoded], dtype=torch.bool)
    owner = torch.tensor([[-1 if word is None else word for word in sentence.word_ids] for sentence in encoded])
    first = torch.zeros(len(ids), length - 2, dtype=torch.long)
    begins = (owner >= 0) & (owner < first.shape[1]) & (owner != owner.roll(1, 1))
    row, position = begins.nonzero(as_tuple=True)
    first[row, owner[row, position]] = position
    return Words(Tokens(ids, mask), owner, first)


def places(owner: Tensor, marked: Sequence[int | None]) -> Tensor:
    """The place of every token's word relative to the word that ``marked`` names in its sentence, (N, T), int64.

    ``owner`` (N, T) is that of `Words`. Places are 1 to 17: from `REACH` words or more before it to as many after it,
    `HERE` at the word itself; 0 where no word is marked, and where a token is part of none.
    """
    at = torch.tensor([-1 if word is None else word for word in marked])[:, None]
    in_relation = (at >= 0) & (owner >= 0)
    return ((owner - at).clamp(-REACH, REACH) + HERE).where(in_relation, 0)


class WordEncoder(nn.Module):
    """A sentence's mean vector, and after it the vectors of its words: the last layer's output at their first tokens.

    Where there is no word, there are zeros. `places` mark the word that a question is about, such as a predicate: each
    place has a learned vector, which is added to the states that enter the first trained layer. So the layers below do
    not depend on the marked word.
    """

    def __init__(self, bert: BertModel, trained_layers: int) -> None:
        super().__init__()
        self.bert = SentenceEncoder(bert, trained_layers)
        self.places = nn.Embedding(HERE + REACH + 1, bert.config.hidden_size, padding_idx=0)
        with torch.no_grad():
            self.places.weight *= PLACE_SCALE

    def forward(self, tokens: Tensor, mask: Tensor, places: Tensor, first: Tensor) -> Tensor:
        """Features (N, 1 + W, H).

        Args:
            tokens: as in `SentenceEncoder`.
            mask: (N, T), whether there is a token.
            places: (N, T), where its word stands in relation to the marked one.
            first: (N, W), where each word's first token is, 0 where there is no word.
        """
        hidden, mask = self.bert.states(tokens, mask, self.places(places))
        words = hidden.gather(1, first[..., None].expand(-1, -1, hidden.shape[-1])) * (first > 0)[..., None]
        return torch.cat([self.bert.mean(hidden, mask)[:, None], words], 1)


class SentenceHead(nn.Module):
    """An affine layer on the sentence's vector."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, C) from features (N, 1 + W, H)."""
        return self.logits(features[:, 0])


class WordHead(nn.Module):
    """An affine layer on the vector of every word."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.logits = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, W, C) from features (N, 1 + W, H)."""
        return self.logits(features[:, 1:])
