"""ResNets: their sizes, and dilation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.networks.resnet import DeepLabHead, ResNet


@pytest.mark.parametrize(("layout", "count"), [("resnet18", 11_176_512), ("resnet50", 23_508_032)])
def test_resnets_are_as_large_as_published(layout: str, count: int) -> None:
    network = ResNet(layout)
    assert sum(p.numel() for p in network.parameters()) == count
    assert network.width == {"resnet18": 512, "resnet50": 2048}[layout]


def test_a_dilated_resnet_looks_further_and_keeps_an_eighth_of_the_size() -> None:
    network = ResNet("resnet50", 4, dilated=True).eval()
    rates = [m.dilation[0] for m in network.stages.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert rates == [1] * 7 + [1] + [2] * 5 + [2] + [4] * 2
    with torch.no_grad():
        features = network(torch.rand(1, 3, 64, 32))
        assert features.shape == (1, 8, 4, network.width)
        assert DeepLabHead(network.width, 5).eval()(features).shape == (1, 5, 64, 32)
        assert ResNet("resnet50", 4).eval()(torch.rand(1, 3, 64, 32)).shape == (1, network.width)
