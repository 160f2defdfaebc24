"""The convolutional network of `celeba`: its layers and its normalisation."""

from __future__ import annotations

import torch

from tasks.networks.celeba_cnn import Normed
from tasks.suites.celeba import CelebA


def test_a_single_example_is_normalised_as_in_evaluation_and_leaves_no_trace() -> None:
    layer = Normed(3).train()
    layer(torch.randn(8, 3))
    mean, one = layer.running_mean, torch.randn(1, 3)
    assert mean is not None
    before, normalised = mean.clone(), layer(one)
    assert torch.equal(before, mean)
    torch.testing.assert_close(normalised, layer.eval()(one))


def test_the_nine_layers_are_those_of_famo() -> None:
    layers = [p.shape for p in CelebA().build(0, ["Bald", "Male", "Bangs"]).encoder.parameters() if p.ndim > 1]
    widths = [(64, 3), (128, 64), (128, 128), (256, 128), (256, 256), (512, 256), (512, 512)]
    assert layers == [*((after, before, 3, 3) for after, before in widths), (512, 512), (512, 512)]
