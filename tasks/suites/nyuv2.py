"""Indoor scenes: what every pixel shows, how far away it is, and which way its surface faces."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.data.nyuv2_cityscapes_files import Source
from tasks.registry import register
from tasks.suites._dense import DenseSuite

CLASSES = (
    "bed",
    "books",
    "ceiling",
    "chair",
    "floor",
    "furniture",
    "objects",
    "picture",
    "sofa",
    "table",
    "TV",
    "wall",
    "window",
)
SOURCE = Source(
    "nyuv2",
    "the preprocessed NYUv2 that the README of github.com/lorenmt/mtan links to (nyuv2.zip)",
    {"image": ("image",), "segmentation": ("label",), "depth": ("depth",), "normals": ("normal",)},
)


@register("nyuv2")
@dataclass(frozen=True)
class Nyuv2(DenseSuite):
    """NYU Depth v2 in the form that multi-task papers use: segmentation, depth and surface normals of indoor scenes.

    - Source: NYU Depth v2 (Silberman et al., ECCV 2012; licence: none stated) as preprocessed by the authors of MTAN to
      288×384: ``train`` and ``val``, each with ``image``, ``label``, ``depth``, ``normal``, each with ``0.npy``,
      ``1.npy``, ... It cannot be downloaded automatically: put it into ``nyuv2`` in the data folder.
    - Splits: the official 654 test images. There is no official validation; of the 795 training images 80 are held out
      (four runs of 20 neighbours, because neighbours may show one room), so 715 train. Papers train on all 795, and
      many choose among epochs by the test images or average the last ten: their numbers are therefore not directly
      comparable with these.
    - Tasks: ``segmentation`` into 13 classes, cross-entropy over labelled pixels; ``depth`` in metres, mean absolute
      error over measured pixels; ``normals``, one minus the cosine over pixels that have one.
    - Metrics: mean intersection over union (primary) and pixel accuracy, over the whole split; absolute (primary) and
      relative error; mean (primary) and median angle in degrees, and the shares within 11.25°, 22.5° and 30°.
    - Encoder: SegNet as in MTAN (24.9 M parameters), heads a 3×3 and a 1×1 convolution; or, with ``backbone =
      "resnet50"``, a ResNet-50 dilated to an eighth of the size, heads DeepLab's. In papers the ResNet starts from
      weights of ImageNet; here it starts from random weights. Last shared layer: the last stage.

    ``height`` and ``width`` resize all maps (multiples of 32), ``channels`` is the width of the first stage, with which
    all others scale (64). The images are not scaled, cropped or flipped at random, as in MTAN's code.

    Reference: Liu, Johns and Davison, End-to-End Multi-Task Learning with Attention, CVPR 2019, Section 4.1.
    """

    height: int = 288
    width: int = 384

    version = 1
    summary = "segmentation, depth and surface normals of 1,449 indoor scenes (SegNet or dilated ResNet-50)"
    depth_unit = "m"

    @property
    def source(self) -> Source:
        """The data set, with surface normals."""
        return SOURCE

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the 13 classes."""
        return CLASSES
