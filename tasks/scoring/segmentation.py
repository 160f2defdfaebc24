"""Semantic segmentation: a loss that weights the background, and metrics from counts of predicted and true classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tasks.contract import Metric

BACKGROUND = 0.1  # weight of a background pixel: there are about ten times as many as others


def pixel_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of pixels, logits (N, C, H, W) and classes (N, H, W), with less weight for the background."""
    weights = outputs.new_ones(outputs.shape[1])
    weights[0] = BACKGROUND
    return cross_entropy(outputs, targets.long(), weights)


def mean_iou(classes: int, first: int = 0, name: str = "miou") -> Metric:
    """Mean intersection over union of the classes from ``first`` on; with ``first`` 1, without the background.

    Logits are (N, C, H, W), targets (N, H, W); a target that is no class is left out. Counts are taken over the
    whole split; a class that occurs neither in the targets nor in the predictions is left out of the mean.
    """
    return Metric(name, 1.0, True, lambda o, t: _table(o, t, classes), lambda table: _iou(table, first))


def pixel_accuracy(classes: int, name: str = "accuracy") -> Metric:
    """Share of the pixels whose class is right, the background included; a target that is no class is left out."""

    def value(table: Tensor) -> Tensor:
        return table.trace() / table.sum().clamp(min=1)

    return Metric(name, 1.0, True, lambda o, t: _table(o, t, classes), value)


def _table(outputs: Tensor, targets: Tensor, classes: int) -> Tensor:
    """How often each true class (row) was predicted as each class (column), (C, C) in double precision."""
    predicted, true = outputs.argmax(1), targets.long()
    is_class = (true >= 0) & (true < classes)
    pairs = (true * classes + predicted)[is_class]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()


def _iou(table: Tensor, first: int) -> Tensor:
    both = table.diagonal()[first:]
    either = (table.sum(0) + table.sum(1))[first:] - both
    occurring = either > 0
    return (both / either)[occurring].sum() / occurring.sum().clamp(min=1)
