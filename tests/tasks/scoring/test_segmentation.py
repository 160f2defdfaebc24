"""Metrics of segmentation, beside those of scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score
from torch import Tensor

from tasks.base import Metric
from tasks.scoring.segmentation import mean_iou, pixel_accuracy


def drawn(classes: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, classes, (7, 6, 8), generator=generator)
    logits = torch.randn(7, classes, 6, 8, generator=generator)
    logits.scatter_add_(1, targets[:, None], torch.ones(7, 1, 6, 8))
    return logits, targets


def measured(metric: Metric, logits: Tensor, targets: Tensor, size: int = 7) -> float:
    return metric.of([metric.collect(*part) for part in zip(logits.split(size), targets.split(size), strict=True)])


@pytest.mark.parametrize("size", [1, 3, 7])
def test_they_are_those_of_scikit_learn(size: int) -> None:
    logits, targets = drawn()
    truth, predicted = targets.flatten().numpy(), logits.argmax(1).flatten().numpy()
    assert measured(mean_iou(5), logits, targets, size) == pytest.approx(
        jaccard_score(truth, predicted, average="macro")
    )
    assert measured(mean_iou(5, first=1), logits, targets.byte(), size) == pytest.approx(
        jaccard_score(truth, predicted, labels=[1, 2, 3, 4], average="macro")
    )
    assert measured(pixel_accuracy(5), logits, targets, size) == pytest.approx(accuracy_score(truth, predicted))


def test_targets_that_are_no_class_are_left_out() -> None:
    logits, targets = drawn()
    less = torch.where(torch.rand(targets.shape, generator=torch.Generator().manual_seed(1)) < 0.4, -100, targets)
    kept = (less >= 0).flatten().numpy()
    truth, predicted = targets.flatten().numpy()[kept], logits.argmax(1).flatten().numpy()[kept]
    assert measured(mean_iou(5), logits, less) == pytest.approx(jaccard_score(truth, predicted, average="macro"))
    assert measured(pixel_accuracy(5), logits, less) == pytest.approx(accuracy_score(truth, predicted))


def test_a_class_that_is_nowhere_is_left_out_of_the_mean_and_background_alone_is_worth_nothing() -> None:
    logits = torch.zeros(1, 5, 2, 2)
    logits[:, 0] = 1
    targets = torch.tensor([[[0, 0], [0, 2]]])
    assert measured(mean_iou(5), logits, targets) == pytest.approx((3 / 4 + 0) / 2)
    assert measured(mean_iou(5, first=1), logits, targets) == 0


def test_where_no_target_is_a_class_both_are_zero() -> None:
    logits, targets = drawn()
    assert measured(mean_iou(5), logits, torch.full_like(targets, -1)) == 0
    assert measured(pixel_accuracy(5), logits, torch.full_like(targets, -1)) == 0
