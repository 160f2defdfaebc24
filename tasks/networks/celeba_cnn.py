"""The shared encoders of `celeba`: a network of nine layers, or a ResNet-18."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from tasks.networks.resnet import ResNet

WIDTHS = ((1,), (2, 2), (4, 4), (8, 8))  # of the convolutions between two halvings, in multiples of the first


class FaceEncoder(nn.Module):
    """Pictures of bytes to features: the nine layers, or a ResNet-18."""

    def __init__(self, kind: Literal["cnn", "resnet18"], channels: int) -> None:
        super().__init__()
        self.width = 8 * channels
        self.network = ResNet("resnet18", channels) if kind == "resnet18" else _nine_layers(channels)

    @property
    def last(self) -> nn.Module:
        """The last fully connected layer, or the last stage."""
        return self.network.last if isinstance(self.network, ResNet) else self.network[-1]

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, 8 × channels) of pictures (N, 3, H, W), uint8."""
        return self.network(image.float() / 255)


class Normed(nn.BatchNorm1d):
    """Batch norm that normalises a batch of a single example, which has no variance, as in evaluation."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Features (N, D) of features (N, D)."""
        if self.training and len(input) == 1:
            return nn.functional.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias)
        return super().forward(input)


class Mean(nn.Module):
    """The mean of maps (N, D, H, W) over their pixels, (N, D)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Features (N, D)."""
        return maps.mean((2, 3))


def _nine_layers(channels: int) -> nn.Sequential:
    layers, in_channels = nn.Sequential(), 3
    for number, widths in enumerate(WIDTHS):
        if number > 0:
            layers.append(nn.MaxPool2d(2))
        for width in widths:
            out_channels = width * channels
            convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
            layers.extend([convolution, nn.BatchNorm2d(out_channels), nn.ReLU()])
            in_channels = out_channels
    layers.append(Mean())
    for _ in range(2):
        layers.append(nn.Sequential(nn.Linear(in_channels, in_channels, bias=False), Normed(in_channels), nn.ReLU()))
    return layers
