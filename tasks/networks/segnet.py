"""SegNet, the shared encoder of `nyuv2` and `cityscapes`: a VGG-16 down to a 32nd, and its mirror image back up."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, normalize

STAGES = (1, 2, 4, 8, 8)  # width of each stage, in multiples of that of the first
DEPTHS = (2, 2, 3, 3, 3)  # 3×3 convolutions of each stage
SHRINKAGE = 2 ** len(STAGES)  # sides of images must be multiples of it


class SegNet(nn.Module):
    """Five stages of 3×3 convolutions with batch norm, each halved by maximum, and five that double the size again.

    On the way up, maxima return to their former positions; all other positions are zero. Weights are Xavier's normal
    ones.

    Reference: Badrinarayanan et al., SegNet, TPAMI 2017; in the form of Liu et al., End-to-End Multi-Task Learning with
    Attention, CVPR 2019 (the network that splits at the last layer: "standard").
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        widths = [channels * stage for stage in STAGES]
        down = zip([3, *widths], widths, DEPTHS, strict=False)
        up = zip(widths, [channels, *widths], DEPTHS, strict=False)
        self.down = nn.ModuleList(_stage(in_channels, out_channels, depth) for in_channels, out_channels, depth in down)
        self.up = nn.ModuleList(
            _stage(in_channels, out_channels, depth) for in_channels, out_channels, depth in reversed(list(up))
        )
        self.apply(xavier)

    @property
    def last(self) -> nn.Module:
        """The last layer that tasks share."""
        return self.up[-1]

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, H, W, channels) of images (N, 3, H, W)."""
        hidden, places = image, []
        for stage in self.down:
            full = stage(hidden)
            hidden, place = max_pool2d(full, 2, return_indices=True)
            places.append((full, place))
        for stage, (full, place) in zip(self.up, reversed(places), strict=True):
            empty = full.new_zeros(full.shape).flatten(2)
            hidden = stage(empty.scatter(2, place.flatten(2), hidden.flatten(2)).unflatten(2, full.shape[2:]))
        return hidden.movedim(1, -1)


class SegNetHead(nn.Module):
    """A 3×3 and a 1×1 convolution, without a nonlinearity between them as in the authors' code."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, outputs, 1))
        self.apply(xavier)

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N, outputs, H, W) from features (N, H, W, channels)."""
        return self.layers(features.movedim(-1, 1))


class UnitVectors(nn.Module):
    """Directions: maps (N, 3, H, W) divided by their lengths."""

    def forward(self, maps: Tensor) -> Tensor:
        """Unit vectors (N, 3, H, W)."""
        return normalize(maps, dim=1)


def xavier(module: nn.Module) -> None:
    """Draw the weights of a convolution from Xavier's normal distribution; its bias is 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _stage(in_channels: int, out_channels: int, depth: int) -> nn.Sequential:
    widths = [in_channels, *[out_channels] * depth]
    layers = [
        layer
        for i in range(depth)
        for layer in (nn.Conv2d(widths[i], widths[i + 1], 3, padding=1), nn.BatchNorm2d(widths[i + 1]), nn.ReLU())
    ]
    return nn.Sequential(*layers)
