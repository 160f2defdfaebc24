"""BERT: tokens, frozen layers, the encoder of sentences, and finding the model's files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.base import DataUnavailableError
from tasks.networks.bert import SentenceEncoder, Tokens, frozen_states, load_bert, minilm, tokenise


def test_tokens_are_cut_and_padded_to_the_length(data: Path) -> None:
    tokens = tokenise(data / "model", ["good bad", "good " * 20], 8)
    assert tokens.ids.tolist()[0] == [2, 20, 21, 3, 0, 0, 0, 0]
    assert tokens.mask.sum(1).tolist() == [4, 8]


def test_the_encoder_is_the_pretrained_model_with_mean_pooling_wherever_it_is_cut(data: Path) -> None:
    folder = data / "model"
    tokens = tokenise(folder, ["good bad", "movie number 1 2 3 is good", "bad"], 16)
    bert = load_bert(folder).eval()
    with torch.no_grad():
        hidden = bert(input_ids=tokens.ids.long(), attention_mask=tokens.mask.long()).last_hidden_state
        expected = torch.stack([row[mask].mean(0) for row, mask in zip(hidden, tokens.mask, strict=True)])
        whole = SentenceEncoder(bert, 2).eval()(tokens.ids, tokens.mask)
        upper = SentenceEncoder(bert, 1).eval()(frozen_states(bert, tokens, 1), tokens.mask)
    torch.testing.assert_close(whole, expected)
    torch.testing.assert_close(upper, expected, rtol=0, atol=5e-3)  # float16 in between


def test_padding_has_no_influence(data: Path) -> None:
    folder = data / "model"
    encoder = SentenceEncoder(load_bert(folder), 2).eval()
    short, long = (tokenise(folder, ["good bad", "movie is good"], length) for length in (8, 32))
    with torch.no_grad():
        torch.testing.assert_close(encoder(*short), encoder(*long))


def test_a_model_folder_that_lacks_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(DataUnavailableError, match=r"model lacks model.safetensors, tokenizer.json"):
        minilm(tmp_path)


def test_frozen_states_do_not_depend_on_the_company(data: Path) -> None:
    bert = load_bert(data / "model")
    tokens = tokenise(data / "model", ["good", "movie number 4 is bad bad bad", "tweet"], 16)
    together = frozen_states(bert, tokens, 1)
    alone = frozen_states(bert, Tokens(tokens.ids[:1], tokens.mask[:1]), 1)
    torch.testing.assert_close(together[:1], alone, rtol=0, atol=2e-3)
    assert (together[~tokens.mask] == 0).all()
