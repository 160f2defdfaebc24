"""Residual networks as shared encoders: for whole images, or dilated for `nyuv2` and `cityscapes`."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

Kind = Literal["basic", "bottleneck"]
LAYOUTS: dict[str, tuple[Kind, tuple[int, int, int, int]]] = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
}
EXPANSION = {"basic": 1, "bottleneck": 4}  # output of a block, in multiples of its width
STRIDE = 8  # sides of a dilated network's feature map, in pixels of the image
RATES = (12, 24, 36)  # of the dilated convolutions of DeepLab's head, at stride 8
HEAD_CHANNELS = 256


class ResNet(nn.Module):
    """A ResNet without its classifier, from random weights (He's normal ones).

    Dilated, its last two stages keep the size of the second, an eighth of the image's, and look twice and four times
    as far instead. Features are then maps (N, H/8, W/8, D), otherwise vectors (N, D), the mean over the last map; D is
    8 (basic blocks) or 32 (bottlenecks) times ``channels``.

    Reference: He et al., Deep Residual Learning for Image Recognition, CVPR 2016; Yu et al., Dilated Residual Networks,
    CVPR 2017.
    """

    def __init__(self, layout: str, channels: int = 64, *, dilated: bool = False) -> None:
        super().__init__()
        kind, depths = LAYOUTS[layout]
        self.dilated = dilated
        self.width = 8 * channels * EXPANSION[kind]
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.stages = nn.Sequential()
        in_channels, rate = channels, 1
        for number, depth in enumerate(depths):
            stride, first_rate = (1 if number == 0 else 2), rate
            if dilated and number >= 2:
                stride, rate = 1, 2 * rate
            blocks: list[nn.Module] = []
            for index in range(depth):
                stride_and_rate = (stride, first_rate) if index == 0 else (1, rate)
                blocks.append(ResidualBlock(kind, in_channels, channels * 2**number, *stride_and_rate))
                in_channels = channels * 2**number * EXPANSION[kind]
            self.stages.append(nn.Sequential(*blocks))
        self.apply(lambda module: _he(module, "fan_out"))

    @property
    def last(self) -> nn.Module:
        """The last stage."""
        return self.stages[-1]

    def forward(self, image: Tensor) -> Tensor:
        """Features of images (N, 3, H, W)."""
        maps = self.stages(self.stem(image))
        return maps.movedim(1, -1) if self.dilated else maps.mean((2, 3))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions, or a 3×3 one between two of 1×1, beside a shortcut around them."""

    def __init__(self, kind: Kind, in_channels: int, width: int, stride: int, rate: int) -> None:
        super().__init__()
        out_channels = width * EXPANSION[kind]
        if kind == "basic":
            parts = [_normed(in_channels, width, 3, stride, rate), nn.ReLU(), _normed(width, width, 3)]
        else:
            middle = _normed(width, width, 3, stride, rate)
            parts = [_normed(in_channels, width, 1), nn.ReLU(), middle, nn.ReLU(), _normed(width, out_channels, 1)]
        self.way = nn.Sequential(*parts)
        same = stride == 1 and in_channels == out_channels
        self.around = nn.Identity() if same else _normed(in_channels, out_channels, 1, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, D', H', W') of maps (N, D, H, W)."""
        return relu(self.way(maps) + self.around(maps))


class DeepLabHead(nn.Module):
    """DeepLabv3's head: dilated convolutions side by side and the image's mean, joined, then enlarged to the image.

    The branch of the mean has no batch norm, because a batch may be a single image; the authors' has one.

    Reference: Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017, Section 3.3.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        near = _normed(width, HEAD_CHANNELS, 1)
        far = [_normed(width, HEAD_CHANNELS, 3, 1, rate) for rate in RATES]
        self.branches = nn.ModuleList([near, *far])
        self.mean = nn.Conv2d(width, HEAD_CHANNELS, 1)
        self.join = nn.Sequential(
            _normed(HEAD_CHANNELS * (len(RATES) + 2), HEAD_CHANNELS, 1),
            nn.ReLU(),
            nn.Dropout(0.5),
            _normed(HEAD_CHANNELS, HEAD_CHANNELS, 3),
            nn.ReLU(),
            nn.Conv2d(HEAD_CHANNELS, outputs, 1),
        )
        self.apply(lambda module: _he(module, "fan_in"))

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N, outputs, H, W) from features (N, H/8, W/8, D)."""
        maps = features.movedim(-1, 1)
        mean = self.mean(maps.mean((2, 3), keepdim=True)).expand(-1, -1, *maps.shape[2:])
        joined = self.join(torch.cat([*(relu(branch(maps)) for branch in self.branches), relu(mean)], 1))
        return interpolate(joined, scale_factor=STRIDE, mode="bilinear", align_corners=False)


def _normed(in_channels: int, out_channels: int, side: int, stride: int = 1, rate: int = 1) -> nn.Sequential:
    padding = rate * (side - 1) // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, side, stride, padding, rate, bias=False), nn.BatchNorm2d(out_channels)
    )


def _he(module: nn.Module, mode: Literal["fan_in", "fan_out"]) -> None:
    """Draw weights that keep the variance of what goes forward (in), or of gradients (out)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
