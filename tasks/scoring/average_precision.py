"""Average precision of boxes as COCO defines it, from rows that are put together over all images of a split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tasks.contract import Metric
from tasks.scoring.detection import Detections

OVERLAPS = tuple(np.linspace(0.5, 0.95, 10).tolist())  # intersections over union from which a box is right
RECALLS = torch.from_numpy(np.linspace(0, 1, 101))
TRUE_BOX = -1.0  # in the place of a score, in the row of an object

Decode = Callable[[Tensor], Detections]


def average_precision(name: str, decode: Decode, overlaps: tuple[float, ...] = OVERLAPS) -> Metric:
    """The precision at 101 recalls, averaged over ``overlaps`` and over all classes that occur.

    Args:
        name: of the metric.
        decode: from the outputs of a head to boxes.
        overlaps: intersections over union from which a box is right.
    """
    return Metric(
        name,
        1.0,
        True,
        lambda outputs, targets: matches(decode(outputs), targets, overlaps),
        precision_of,
        pooled=True,
    )


def matches(detections: Detections, targets: Tensor, overlaps: tuple[float, ...] = OVERLAPS) -> Tensor:
    """Rows (R, 2 + T): a score, a class, and for each of T overlaps whether the box is right; and those of objects.

    In each image boxes take, in the order of their scores, the object of their class that they overlap most among those
    not taken yet, if by enough. The row of an object has `TRUE_BOX` in the place of a score.

    Args:
        detections: boxes of N images.
        targets: (N, M, 5): left, top, right, bottom, and class; negative where there is no object.
        overlaps: the T intersections over union.
    """
    limits = torch.tensor(overlaps, dtype=torch.float64, device=targets.device)
    same = (detections.classes[..., None] == targets[:, None, :, 4]) & (targets[:, None, :, 4] >= 0)
    shared = torch.where(same, overlap(detections.boxes, targets[..., :4]), -1.0)  # (N, K, M)
    free = torch.ones(len(targets), len(overlaps), targets.shape[1], dtype=torch.bool, device=targets.device)
    right = []
    for box in range(detections.scores.shape[1]):
        fit = torch.where(free, shared[:, None, box], -1.0)  # (N, T, M)
        best = fit.amax(-1)
        taken = (fit == best[..., None]) & (best >= limits)[..., None]
        taken &= taken.flip(-1).cumsum(-1).flip(-1) == 1  # the last of several that it overlaps as much
        free &= ~taken
        right.append(taken.any(-1))
    is_box = detections.scores > 0
    heads = torch.stack([detections.scores.double(), detections.classes.double()], -1)
    rows = torch.cat([heads, torch.stack(right, 1).double()], -1)[is_box]
    classes = targets[..., 4][targets[..., 4] >= 0].double()[:, None]
    objects = torch.cat([torch.full_like(classes, TRUE_BOX), classes, classes.new_zeros(len(classes), len(limits))], 1)
    return torch.cat([rows, objects])


def precision_of(rows: Tensor) -> Tensor:
    """The average precision from rows (R, 2 + T) of `matches`; 0 if there is no object at all."""
    truth = rows[:, 0] == TRUE_BOX
    boxes = rows[~truth]
    boxes = boxes[boxes[:, 0].argsort(descending=True, stable=True)]
    precisions = [
        _of_class(boxes[boxes[:, 1] == label, 2:], int(number))
        for label, number in zip(*rows[truth, 1].unique(return_counts=True), strict=True)
    ]
    return torch.stack(precisions).mean() if precisions else rows.new_zeros(())


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes (N, K, 4) and (N, M, 4), in double precision: (N, K, M)."""
    one, other = one.double()[:, :, None], other.double()[:, None]
    common = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(min=0)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (one, other)]
    shared = common.prod(-1)
    return shared / (areas[0] + areas[1] - shared).clamp(min=torch.finfo(torch.float64).tiny)


def _of_class(right: Tensor, objects: int) -> Tensor:
    """Mean precision at all recalls and overlaps, from whether the boxes (B, T) of a class are right, best first.

    The precision at a recall is the best at that recall or a higher one; it is 0 where that is not reached.
    """
    hits = right.cumsum(0)
    recall = hits / objects
    precision = hits / torch.arange(1, len(right) + 1, device=right.device)[:, None]
    best = precision.flip(0).cummax(0).values.flip(0) if len(right) else precision
    reached = torch.cat([best, best.new_zeros(1, best.shape[1])])
    place = torch.searchsorted(recall.mT.contiguous(), RECALLS.to(recall).expand(recall.shape[1], -1).contiguous())
    return reached.mT.gather(1, place).mean()
