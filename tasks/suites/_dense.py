"""What `nyuv2` and `cityscapes` share: reading their maps, networks and answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, check_tasks, seeded, seeded_heads
from tasks.data import nyuv2_cityscapes_files
from tasks.data.images import read_image
from tasks.data.nyuv2_cityscapes_files import ImageSize, Source
from tasks.data.sources import data_folder
from tasks.networks.resnet import DeepLabHead, ResNet
from tasks.networks.segnet import SHRINKAGE, SegNet, SegNetHead, UnitVectors
from tasks.scoring import dense_prediction

KINDS: Mapping[str, nyuv2_cityscapes_files.Kind] = {
    "image": "colours",
    "segmentation": "classes",
    "depth": "distances",
    "normals": "directions",
}
SMALLEST_NAMED_SHARE = 0.01  # an answer names a class that fills at least this share of the image


@dataclass(frozen=True)
class DenseSuite(Suite):
    """A class, a depth and perhaps a direction for every pixel of an image."""

    depth_unit: ClassVar[str]  # what depth is measured in

    height: int
    width: int
    backbone: Literal["segnet", "resnet50"] = "segnet"
    channels: int = 64

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            side = getattr(self, name)
            if side < SHRINKAGE or side % SHRINKAGE:
                raise ValueError(f"{name} must be a multiple of {SHRINKAGE}, not {side}")
        if self.backbone not in ("segnet", "resnet50"):
            raise ValueError(f"backbone must be 'segnet' or 'resnet50', not {self.backbone!r}")
        if self.channels < 1:
            raise ValueError(f"channels must be at least 1, not {self.channels}")

    @property
    @abstractmethod
    def source(self) -> Source:
        """The data set, with a folder for the image and every task."""

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers."""

    @property
    def size(self) -> ImageSize:
        """The size of the images."""
        return ImageSize(self.height, self.width)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks for which the data have a folder."""
        all_tasks = (
            dense_prediction.segmentation(len(self.class_names)),
            dense_prediction.depth(),
            dense_prediction.normals(),
        )
        return tuple(task for task in all_tasks if task.name in self.source.folders)

    def load(self, data: Path | None = None) -> Splits:
        """Images (N, 3, H, W) from 0 to 1; classes (N, H, W), depth (N, H, W), normals (N, 3, H, W)."""
        folder = nyuv2_cityscapes_files.find(self.source, data_folder(data))
        train, validation = nyuv2_cityscapes_files.split(nyuv2_cityscapes_files.numbers(folder / "train", self.source))
        test = nyuv2_cityscapes_files.numbers(folder / "val", self.source)
        parts = (("train", train), ("train", validation), ("val", test))
        return Splits(*(self._part(folder / part, examples) for part, examples in parts))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """SegNet or a dilated ResNet-50, and a head for each task."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            dilated = self.backbone == "resnet50"
            encoder = ResNet("resnet50", self.channels, dilated=True) if dilated else SegNet(self.channels)
        heads = seeded_heads(seed, tasks, lambda task: self._head(task, encoder))
        return MultiTaskModel(encoder, heads, last_shared=encoder.last)

    def read(self, user_input: str) -> dict[str, Tensor]:
        """The image in a file, resized.

        Raises:
            ValueError: it is not the path of an image.
        """
        return {"image": nyuv2_cityscapes_files.resize_image(read_image(user_input).float() / 255, self.size)[None]}

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """The share of the image that each class fills, the range of depths, the mean direction."""
        sentences = {}
        if "segmentation" in outputs:
            classes = outputs["segmentation"][0].argmax(0).flatten()
            shares = torch.bincount(classes, minlength=len(self.class_names)) / (self.height * self.width)
            named = [
                (float(share), name)
                for share, name in zip(shares, self.class_names, strict=True)
                if share >= SMALLEST_NAMED_SHARE
            ]
            sentences["segmentation"] = ", ".join(f"{name} {share:.0%}" for share, name in sorted(named, reverse=True))
        if "depth" in outputs:
            near, middle, far = torch.quantile(outputs["depth"].flatten(), torch.tensor([0.05, 0.5, 0.95])).tolist()
            sentences["depth"] = f"median {middle:.3g} {self.depth_unit}, nine in ten between {near:.3g} and {far:.3g}"
        if "normals" in outputs:
            x, y, z = outputs["normals"].mean((0, 2, 3)).tolist()
            sentences["normals"] = f"mean direction ({x:.2f}, {y:.2f}, {z:.2f})"
        return sentences

    def _part(self, folder: Path, examples: Sequence[int]) -> Split:
        classes = len(self.class_names)
        maps = {
            name: nyuv2_cityscapes_files.read(folder, folders, KINDS[name], examples, self.size, classes)
            for name, folders in self.source.folders.items()
        }
        return Split({"image": maps.pop("image")}, maps)

    def _head(self, task: str, encoder: SegNet | ResNet) -> nn.Module:
        outputs = {"segmentation": len(self.class_names), "depth": 1, "normals": 3}[task]
        dilated = isinstance(encoder, ResNet)
        head = DeepLabHead(encoder.width, outputs) if dilated else SegNetHead(self.channels, outputs)
        # Depth is (N, H, W), without an axis of one channel.
        output_layers = {"depth": [nn.Flatten(0, 1)], "normals": [UnitVectors()]}
        return nn.Sequential(head, *output_layers.get(task, []))
