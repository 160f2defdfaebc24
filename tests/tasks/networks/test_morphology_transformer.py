"""The transformer of `morphology`: padding and positions."""

from __future__ import annotations

import torch

from tasks.data.morphology_pieces import pieces
from tasks.networks.morphology_transformer import TransformerSize, WordTransformer


def test_padding_has_no_influence_and_position_has() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = WordTransformer(TransformerSize(buckets=100, words=6, width=8, layers=2)).eval()
    words = pieces([["go", "home", "now"], ["stay"], ["go", "go", "go"]], 6, 100)
    with torch.no_grad():
        features, alone = encoder(words), encoder(words[1:2, :1])
    assert features.shape == (3, 6, 8)
    torch.testing.assert_close(features[1:2, :1], alone)
    assert not features[0, 3:].any()
    assert not features[1, 1:].any()
    assert not torch.allclose(features[2, 0], features[2, 1])
