"""The encoder of `speech` uses no later frame."""

from __future__ import annotations

import torch

from tasks.networks.speech_causal import STRIDE, SpeechEncoder


def test_features_depend_on_nothing_later_and_on_all_that_was_near() -> None:
    torch.manual_seed(0)
    encoder, mel = SpeechEncoder(8), torch.randn(1, 60, 40, requires_grad=True)
    features = encoder(mel, torch.tensor([60]))
    for k in (0, 7, 19):
        (gradient,) = torch.autograd.grad(features[0, k].sum(), mel, retain_graph=True)
        reached = gradient[0].any(-1)
        assert not reached[STRIDE * (k + 1) :].any()
        assert reached[: STRIDE * (k + 1)].all()
