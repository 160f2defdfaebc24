"""Labels at some places of a sequence: the loss, perplexity and accuracy, as by scikit-learn."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss
from torch import Tensor

from tasks.base import Metric
from tasks.data.labels import ABSENT
from tasks.scoring.sequence_labels import accuracy_where_labelled, cross_entropy_where_labelled, perplexity


def measured(metric: Metric, outputs: Tensor, targets: Tensor, size: int = 1) -> float:
    return metric.of([metric.collect(*part) for part in zip(outputs.split(size), targets.split(size), strict=True)])


@pytest.mark.parametrize("size", [1, 4, 9])
@pytest.mark.parametrize("seed", range(4))
def test_places_with_a_label_are_measured_as_by_scikit_learn(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randint(-2, 3, (9, 6, 5), generator=generator).float()  # with ties
    targets = torch.randint(5, (9, 6), generator=generator)
    targets[torch.rand(9, 6, generator=generator) < 0.7] = ABSENT
    targets[2] = ABSENT  # nowhere a label
    have = (targets != ABSENT).numpy()
    truth, logits = targets.numpy()[have], outputs.double().numpy()[have]
    surprise = log_loss(truth, softmax(logits, 1), labels=range(5))
    assert measured(perplexity(), outputs, targets, size) == pytest.approx(math.exp(surprise), rel=1e-9)
    right = accuracy_score(truth, logits.argmax(1))
    assert measured(accuracy_where_labelled(), outputs, targets, size) == pytest.approx(right)
    assert float(cross_entropy_where_labelled(outputs, targets)) == pytest.approx(surprise, rel=1e-5)


def test_who_is_right_wherever_there_is_a_label_has_the_best_values() -> None:
    targets = torch.tensor([[1, ABSENT, 2], [ABSENT, ABSENT, 0]])
    outputs = 100 * torch.nn.functional.one_hot(targets.clamp(min=0), 3).float()
    for metric in (perplexity(), accuracy_where_labelled()):
        assert measured(metric, outputs, targets) == metric.best == 1


def test_where_there_are_no_labels_the_loss_is_zero_and_so_are_its_gradient_and_the_accuracy() -> None:
    outputs, nothing = torch.randn(2, 3, 5, requires_grad=True), torch.full((2, 3), ABSENT)
    loss = cross_entropy_where_labelled(outputs, nothing)
    loss.backward()
    assert loss.item() == 0
    assert outputs.grad is not None
    assert not outputs.grad.any()
    assert measured(accuracy_where_labelled(), outputs.detach(), nothing) == 0
