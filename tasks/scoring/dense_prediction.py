"""Dense prediction: segmentation, depth and surface normals as tasks, their losses and metrics over valid pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.contract import Metric, Task
from tasks.data.labels import UNLABELLED
from tasks.scoring.segmentation import mean_iou, pixel_accuracy

ANGLES = (11.25, 22.5, 30.0)  # degrees within which Eigen and Fergus count a normal as right
BINS_PER_DEGREE = 100

PerPixel = Callable[[Tensor, Tensor], Tensor]  # (outputs, targets) -> (N, H, W)


def segmentation(classes: int) -> Task:
    """A class for every pixel: logits (N, C, H, W), classes (N, H, W), of which -1 is left out.

    Metrics, of the whole split: mean intersection over union and accuracy of pixels. (The authors of MTAN take the mean
    over images or batches.)
    """
    metrics = mean_iou(classes, name="mean_iou"), pixel_accuracy(classes, "pixel_accuracy")
    return Task("segmentation", _cross_entropy, metrics, absent=UNLABELLED)


def depth() -> Task:
    """A depth for every pixel: outputs and targets (N, H, W); a target of 0 is no measurement and left out.

    Loss: mean absolute error. Metrics: absolute error, and absolute error divided by the target.
    """
    metrics = (
        _over_pixels("absolute_error", lambda outputs, targets: (outputs - targets).abs(), _measured),
        _over_pixels("relative_error", lambda outputs, targets: (outputs - targets).abs() / targets, _measured),
    )
    return Task("depth", _absolute_error, metrics)


def normals() -> Task:
    """A unit vector for every pixel: outputs and targets (N, 3, H, W); a target of zeros is left out.

    Loss: 1 - cosine, the mean over pixels. Metrics, of the angle in degrees: its mean; its median, from a histogram of
    bins of a hundredth of a degree (so that it adds up over batches); the shares within 11.25°, 22.5° and 30°.
    """
    shares = [
        _over_pixels(f"within_{angle:g}", lambda o, t, angle=angle: angles(o, t) < angle, _directed, higher=True)
        for angle in ANGLES
    ]
    median = Metric("median_angle", 0.0, False, _histogram, _median)
    return Task("normals", _one_minus_cosine, (_over_pixels("mean_angle", angles, _directed), median, *shares))


def angles(outputs: Tensor, targets: Tensor) -> Tensor:
    """Degrees (N, H, W) between unit vectors (N, 3, H, W)."""
    return (outputs * targets).sum(1).clamp(-1, 1).acos().rad2deg()


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    # By rows, because the loss over planes adds up in an order that varies on a GPU.
    rows, classes = outputs.movedim(1, -1).flatten(0, -2), targets.flatten().long()
    total = cross_entropy(rows, classes, ignore_index=UNLABELLED, reduction="sum")
    return total / (classes != UNLABELLED).sum().clamp(min=1)


def _absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return _mean((outputs - targets).abs(), _measured(targets))


def _one_minus_cosine(outputs: Tensor, targets: Tensor) -> Tensor:
    return _mean(1 - (outputs * targets).sum(1), _directed(targets))


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of valid pixels; 0 where there is none."""
    return (values * valid).sum() / valid.sum().clamp(min=1)


def _measured(targets: Tensor) -> Tensor:
    return targets != 0


def _directed(targets: Tensor) -> Tensor:
    return (targets != 0).any(1)


def _over_pixels(
    name: str, per_pixel: PerPixel, valid_of: Callable[[Tensor], Tensor], *, higher: bool = False
) -> Metric:
    """The mean of ``per_pixel(outputs, targets)``, shape (N, H, W), over valid pixels; 0 where there is none."""

    def collect(outputs: Tensor, targets: Tensor) -> Tensor:
        valid = valid_of(targets)
        return torch.stack([per_pixel(outputs, targets)[valid].double().sum(), valid.sum().double()])

    return Metric(name, float(higher), higher, collect, lambda total: total[0] / total[1].clamp(min=1))


def _histogram(outputs: Tensor, targets: Tensor) -> Tensor:
    degrees = angles(outputs, targets)[_directed(targets)]
    last = 180 * BINS_PER_DEGREE - 1
    return torch.bincount((degrees * BINS_PER_DEGREE).long().clamp(max=last), minlength=last + 1).double()


def _median(total: Tensor) -> Tensor:
    """The angle that halves a histogram; within a bin, values are taken to be evenly spread."""
    counts = total.long()  # sums of whole numbers do not depend on their order
    reached, half = counts.cumsum(0), counts.sum() / 2
    index = torch.searchsorted(reached.double(), half.double())
    inside = (half - (reached - counts)[index]) / counts[index].clamp(min=1)
    return (index + inside.clamp(min=0)) / BINS_PER_DEGREE
