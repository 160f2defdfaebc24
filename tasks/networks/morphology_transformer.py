"""The shared encoder of `morphology`: a small transformer over the words of sentences, trained from scratch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import gelu, pad, scaled_dot_product_attention

HEADS = 4  # of attention
WIDER = 4  # times the width inside a layer
DROPOUT = 0.1


class TransformerSize(NamedTuple):
    """How large a `WordTransformer` is."""

    buckets: int  # that pieces of words are hashed into
    words: int  # of a sentence, at most
    width: int
    layers: int


class WordTransformer(nn.Module):
    """Words as the mean of their pieces' vectors and a vector of their position, then layers of attention."""

    def __init__(self, size: TransformerSize) -> None:
        super().__init__()
        self.pieces = nn.Embedding(size.buckets + 1, size.width, padding_idx=0)
        self.positions = nn.Embedding(size.words, size.width)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = nn.ModuleList(TransformerLayer(size.width) for _ in range(size.layers))

    def forward(self, pieces: Tensor) -> Tensor:
        """Features (N, W, H), zeros where there is no word, of hashed pieces (N, W, P), which are 0 there."""
        words = pieces.shape[1]
        present = pieces[..., 0] > 0
        if pieces.device.type == "cpu":  # elsewhere, to ask for the length would wait for the device
            longest = int(present.sum(1).max())
            pieces, present = pieces[:, :longest], present[:, :longest]
        hidden = self.pieces(pieces).mean(2) + self.positions.weight[: pieces.shape[1]]
        hidden = self.dropout(hidden)
        for layer in self.layers:
            hidden = layer(hidden, present)
        return pad(hidden * present[..., None], (0, 0, 0, words - pieces.shape[1]))


class TransformerLayer(nn.Module):
    """Attention to the words of the sentence, then two affine layers at every word, each added to what came in.

    Reference: Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020: normalised before.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, WIDER * width), nn.Linear(WIDER * width, width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, hidden: Tensor, present: Tensor) -> Tensor:
        """As ``hidden`` (N, W, H); ``present`` (N, W) says where there are words."""
        split = self.asked(self.before(hidden)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        attended = scaled_dot_product_attention(*split, attn_mask=present[:, None, None, :])
        hidden = hidden + self.dropout(self.joined(attended.transpose(1, 2).flatten(2)))
        return hidden + self.dropout(self.outer(gelu(self.inner(self.between(hidden)))))
