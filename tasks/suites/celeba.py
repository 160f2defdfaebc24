"""Forty attributes of a face from its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, check_tasks, seed_for, seeded, seeded_heads
from tasks.data import celeba_files
from tasks.data.celeba_files import ATTRIBUTES, PARTS, PICTURES, TABLE, Faces
from tasks.data.images import read_image
from tasks.data.sources import data_folder
from tasks.networks.celeba_cnn import FaceEncoder
from tasks.registry import register
from tasks.scoring import binary

SMALLEST = {"cnn": 16, "resnet18": 33}  # sides with which the last maps are of 2×2 pixels


@register("celeba")
@dataclass(frozen=True)
class CelebA(Suite):
    """CelebA: 40 attributes, present or not, of aligned pictures of celebrities' faces.

    - Source: CelebA (Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015; licence: its own, for research
      that is not commercial), the official folder: ``img_align_celeba`` with the JPEG files, ``list_attr_celeba.txt``
      and ``list_eval_partition.txt``, side by side or under ``Img``, ``Anno`` and ``Eval``. It cannot be downloaded
      automatically: put it into ``celeba`` in the data folder. Reading all pictures takes minutes on one core.
    - Splits: the official ones: 162,770 / 19,867 / 19,962 pictures; no person is in two of them.
    - Tasks: the 40 attributes, each binary cross-entropy.
    - Metrics: F1 of "present" (primary, as in FAMO, where the protocol of 15 epochs comes from), accuracy (as in Sener
      and Koltun), balanced accuracy. Accuracy is high for trivial answers: always "no" is right for 98 % of ``Bald``,
      with an F1 of 0. For a common attribute always "yes" has a high F1. Every constant answer has a balanced accuracy
      of one half.
    - Encoder: on pictures squeezed to 64×64, nine layers, seven 3×3 convolutions of 64 to 512 channels and two fully
      connected layers of 512, with batch norm, as in FAMO; or ``encoder = "resnet18"``, as in Sener and Koltun, from
      random weights. Heads: one affine layer each. Last shared layer: the last fully connected one, or the last stage.

    ``images`` takes a fixed random part of every split, in proportion. ``attributes`` names the tasks. ``side`` is the
    side of the pictures, ``channels`` the width of the first layer, with which all others scale.

    Reference: Sener and Koltun, Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018, Section 5.2; Liu et
    al., FAMO: Fast Adaptive Multitask Optimization, NeurIPS 2023.
    """

    encoder: Literal["cnn", "resnet18"] = "cnn"
    images: int | None = None
    attributes: Sequence[str] = ATTRIBUTES
    side: int = 64
    channels: int = 64

    version = 1
    summary = "40 attributes of 202,599 faces (nine-layer CNN or ResNet-18)"

    def __post_init__(self) -> None:
        if self.encoder not in ("cnn", "resnet18"):
            raise ValueError(f"encoder must be 'cnn' or 'resnet18', not {self.encoder!r}")
        if self.images is not None and self.images < 20:
            raise ValueError(f"images must be at least 20, so that every split has some, not {self.images}")
        if unknown := [name for name in self.attributes if name not in ATTRIBUTES]:
            raise ValueError(f"attributes cannot have {unknown[0]!r}; choose among {', '.join(ATTRIBUTES)}")
        if not 2 <= len(self.attributes) == len(set(self.attributes)):
            raise ValueError("attributes must name at least two, each once")
        if self.side < SMALLEST[self.encoder]:
            raise ValueError(f"side must be at least {SMALLEST[self.encoder]} for {self.encoder!r}, not {self.side}")
        if self.channels < 1:
            raise ValueError(f"channels must be at least 1, not {self.channels}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The attributes."""
        metrics = (binary.f1(), binary.binary_accuracy(), binary.balanced_accuracy())
        return tuple(Task(name, binary.cross_entropy, metrics) for name in self.attributes)

    def load(self, data: Path | None = None) -> Splits:
        """Pictures (N, 3, side, side), uint8, and for every attribute whether the face has it, (N,), bool."""
        folder = data_folder(data)
        table, parts, pictures = (celeba_files.find(folder, name) for name in (TABLE, PARTS, PICTURES))
        faces = celeba_files.read_faces(table, parts)
        total = sum(len(split.names) for split in faces)
        return Splits(*(self._split(pictures, self._subset(part, total)) for part in faces))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """The network, and one affine layer for each attribute, with torch's default initialisation (ResNet: He's)."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = FaceEncoder(self.encoder, self.channels)
        heads = seeded_heads(seed, tasks, lambda _: nn.Sequential(nn.Linear(encoder.width, 1), nn.Flatten(0)))
        return MultiTaskModel(encoder, heads, last_shared=encoder.last)

    def read(self, user_input: str) -> dict[str, Tensor]:
        """The picture in a file; CelebA's show a face in the middle, from the chin to above the hair.

        Raises:
            ValueError: it is not the path of an image.
        """
        return {"image": read_image(user_input, (self.side, self.side))[None]}

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """Yes or no, with the probability of yes."""
        chances = {task: output.sigmoid().item() for task, output in outputs.items()}
        return {task: f"{'yes' if chance > 0.5 else 'no'} ({chance:.0%})" for task, chance in chances.items()}

    def _subset(self, part: Faces, total: int) -> Faces:
        if self.images is None or self.images >= total:
            return part
        generator = torch.Generator().manual_seed(seed_for("celeba/subset", 0))
        order = torch.randperm(len(part.names), generator=generator)
        return part.take(order[: max(1, round(len(order) * self.images / total))].sort().values)

    def _split(self, folder: Path, faces: Faces) -> Split:
        columns = {name: faces.attributes[:, ATTRIBUTES.index(name)] for name in self.attributes}
        return Split({"image": celeba_files.read_pictures(folder, faces.names, self.side)}, columns)
