"""BERT for words: words among tokens, places around a predicate, and the encoder."""

from __future__ import annotations

from pathlib import Path

import torch

from tasks.data.labels import ABSENT
from tasks.networks.bert import load_bert
from tasks.networks.ewt_bert import HERE, REACH, WordEncoder, places, tokenise_words
from tasks.suites.ewt import word_targets


def test_words_stand_at_their_first_tokens_and_what_is_cut_off_stands_nowhere(data: Path) -> None:
    words = tokenise_words(data / "model", [["movie-1", "is", "", "good"], ["1"] * 9], 8)
    assert words.tokens.mask.sum(1).tolist() == [7, 8]
    assert words.owner[0].tolist() == [-1, 0, 0, 0, 1, 3, -1, -1]
    assert words.first.tolist() == [[1, 4, 0, 5, 0, 0], [1, 2, 3, 4, 5, 6]]
    targets = word_targets([[3, 4, 5, 6], [1] * 9], words.first)
    assert targets.tolist() == [[3, 4, ABSENT, 6, ABSENT, ABSENT], [1] * 6]


def test_places_are_counted_in_words_from_the_marked_one() -> None:
    owner = torch.tensor([[-1, *range(12), -1]]).repeat(2, 1)
    counted = places(owner, [1, None])
    reach = [HERE + min(step, REACH) for step in range(-1, 11)]
    assert counted.tolist() == [[0, *reach, 0], [0] * 14]


def test_the_encoder_is_the_pretrained_model_at_the_words_and_zero_elsewhere(data: Path) -> None:
    bert = load_bert(data / "model").eval()
    words = tokenise_words(data / "model", [["good", "movie"], ["1", "2", "3", "is", "bad"]], 8)
    tokens, mask = words.tokens
    with torch.no_grad():
        hidden = bert(input_ids=tokens.long(), attention_mask=mask.long()).last_hidden_state
        encoder = WordEncoder(bert, 2).eval()
        plain = encoder(tokens, mask, places(words.owner, [None, None]), words.first)
        marked = encoder(tokens, mask, places(words.owner, [1, None]), words.first)
    assert plain.shape == (2, 7, 32)
    torch.testing.assert_close(plain[:, 0], torch.stack([row[m].mean(0) for row, m in zip(hidden, mask, strict=True)]))
    torch.testing.assert_close(plain[0, 1:3], hidden[0, 1:3])
    torch.testing.assert_close(plain[1, 1:6], hidden[1, 1:6])
    assert not plain[0, 3:].any()
    assert not torch.allclose(plain[0], marked[0])
    torch.testing.assert_close(plain[1], marked[1])
