"""LeNet, the shared encoder of `multimnist` and `multifashion`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu


class LeNet(nn.Module):
    """Two 5×5 convolutions, each halved by maximum, and a fully connected layer: W and 2 W channels, 5 W units.

    The usual ``width`` W is 10, which makes 10 and 20 channels and 50 units.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 5)
        self.second = nn.Conv2d(width, 2 * width, 5)
        self.last = nn.Linear(2 * width * 36, 5 * width)  # 36: two convolutions leave 6×6 of 36×36 pixels

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, 5 W) of images (N, 1, 36, 36)."""
        hidden = relu(max_pool2d(self.first(image), 2))
        hidden = relu(max_pool2d(self.second(hidden), 2))
        return relu(self.last(hidden.flatten(1)))
