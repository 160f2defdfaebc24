"""SegNet: its size, and that maxima return to their places."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import max_unpool2d

from tasks.networks.segnet import SegNet, SegNetHead


def test_segnet_is_as_large_as_that_of_the_authors() -> None:
    count = sum(p.numel() for module in (SegNet(), SegNetHead(64, 13)) for p in module.parameters())
    assert count == 24_981_069  # as they state it for segmentation


def test_segnet_puts_maxima_back_to_where_they_were() -> None:
    torch.manual_seed(0)
    network = SegNet(2).eval()
    image = torch.rand(2, 3, 64, 32)
    hidden, places = image, []
    for stage in network.down:
        full = stage(hidden)
        hidden, place = nn.functional.max_pool2d(full, 2, return_indices=True)
        places.append(place)
    for stage in network.up:
        hidden = stage(max_unpool2d(hidden, places.pop(), [2, 2]))
    torch.testing.assert_close(network(image), hidden.movedim(1, -1))
