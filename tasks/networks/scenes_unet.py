"""The shared encoder and heads of `scenes`: a small U-Net, and heads for cells, pixels and the whole image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, relu

GROUPS = 8  # of channels that are normalised together
MULTIPLE = 8  # of which the sides of images must be multiples, as they are halved three times


class UNet(nn.Module):
    """Down to an eighth of the image and up again to a half, with shortcuts; every layer normalised by groups.

    Features have their channels last, (N, H/2, W/2, F).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_half = nn.Sequential(_layer(1, width, 2), _layer(width, width))
        self.to_quarter = nn.Sequential(_layer(width, 2 * width, 2), _layer(2 * width, 2 * width))
        self.to_eighth = nn.Sequential(
            _layer(2 * width, 4 * width, 2), _layer(4 * width, 4 * width), _layer(4 * width, 4 * width)
        )
        self.up = nn.Conv2d(4 * width, 2 * width, 1)
        self.middle = _layer(4 * width, 2 * width)
        self.top = nn.Conv2d(2 * width, width, 1)
        self.last = _layer(2 * width, 2 * width)

    def forward(self, image: Tensor) -> Tensor:
        """Features of grey images (N, 1, H, W) with values from 0 to 255."""
        half = self.to_half(image.to(self.up.weight.dtype) / 255)
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        quarter = self.middle(torch.cat([quarter, _doubled(self.up(eighth))], 1))
        return self.last(torch.cat([half, _doubled(self.top(quarter))], 1)).permute(0, 2, 3, 1)


class CellHead(nn.Module):
    """For each cell of 4×4 pixels a vector, (N, H/4, W/4, O), which is about ``start`` (O,) before training."""

    def __init__(self, features: int, start: Tensor) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(features, 2 * features, 3, 2, 1), nn.ReLU())
        self.outer = nn.Conv2d(2 * features, len(start), 1)
        self.outer.bias = nn.Parameter(start)

    def forward(self, features: Tensor) -> Tensor:
        """One vector for every cell, (N, H/4, W/4, O), of features (N, H/2, W/2, F)."""
        return self.outer(self.inner(features.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)


class PixelHead(nn.Module):
    """Logits for each pixel, (N, C, H, W): four of them from every feature."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(features, features, 3, 1, 1), nn.ReLU())
        self.outer = nn.Conv2d(features, 4 * classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, C, H, W) of features (N, H/2, W/2, F)."""
        return pixel_shuffle(self.outer(self.inner(features.permute(0, 3, 1, 2))), 2)


class ImageHead(nn.Module):
    """Logits for the whole image, (N, C), from the mean and the maximum over places."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(features, 2 * features, 3, 2, 1), nn.ReLU(), nn.Conv2d(2 * features, 2 * features, 3, 2, 1)
        )
        self.outer = nn.Linear(4 * features, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, C) of features (N, H/2, W/2, F)."""
        places = relu(self.inner(features.permute(0, 3, 1, 2))).flatten(2)
        return self.outer(torch.cat([places.mean(-1), places.amax(-1)], 1))


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, outputs), nn.ReLU())


def _doubled(image: Tensor) -> Tensor:
    return interpolate(image, scale_factor=2.0, mode="nearest")
