"""Street scenes: what every pixel shows, and how far away it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.data.nyuv2_cityscapes_files import Source
from tasks.registry import register
from tasks.suites._dense import DenseSuite

CATEGORIES = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
CLASSES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation"),
    *("terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
)


@register("cityscapes")
@dataclass(frozen=True)
class Cityscapes(DenseSuite):
    """Cityscapes in the form that multi-task papers use: segmentation and inverse depth of street scenes.

    - Source: Cityscapes (Cordts et al., CVPR 2016; licence: its own, for research, after registration) as preprocessed
      by the authors of MTAN to 128×256: ``train`` and ``val``, each with ``image``, ``label_7`` and ``label_19`` (or
      one ``label`` of the right classes), ``depth``, each with ``0.npy``, ``1.npy``, ... It cannot be downloaded
      automatically: put it into ``cityscapes`` in the data folder. Their version of 256×512 is resized.
    - Splits: the 500 official validation images are the test, as in papers. Of the 2,975 training images 298 are held
      out for validation (four runs of neighbours), so 2,677 train; papers train on all and have no validation.
    - Tasks: ``segmentation`` into 7 categories, or 19 classes with ``classes = 19``, cross-entropy over labelled
      pixels; ``depth``, in fact its inverse (scaled disparity, no unit), mean absolute error over measured pixels.
    - Metrics: mean intersection over union (primary) and pixel accuracy, over the whole split; absolute (primary) and
      relative error. The relative error divides by values near 0 and is a ratio, not a percentage: 20 to 40 is usual.
    - Encoder: SegNet or a dilated ResNet-50, with the heads of ``nyuv2``.

    ``height``, ``width`` and ``channels`` mean the same as in ``nyuv2``.

    Reference: Liu, Johns and Davison, End-to-End Multi-Task Learning with Attention, CVPR 2019, Section 4.1.
    """

    height: int = 128
    width: int = 256
    classes: Literal[7, 19] = 7

    version = 1
    summary = "segmentation and inverse depth of 3,475 street scenes (SegNet or dilated ResNet-50)"
    depth_unit = "of inverse depth"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes not in (7, 19):
            raise ValueError(f"classes must be 7 or 19, not {self.classes}")

    @property
    def source(self) -> Source:
        """The data set, with the labels of 7 or 19 classes."""
        labels = (f"label_{self.classes}", "label")
        return Source(
            "cityscapes",
            "the preprocessed Cityscapes that the README of github.com/lorenmt/mtan links to (cityscapes2.zip)",
            {"image": ("image",), "segmentation": labels, "depth": ("depth",)},
            absent="normal",
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the 7 categories or of the 19 classes."""
        return CATEGORIES if self.classes == 7 else CLASSES
