"""Labels at some places of a sequence: the loss, perplexity and accuracy, beside what they are said to be."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tasks.base import Metric
from tasks.labelled import ABSENT, accuracy_where_labelled, cross_entropy_where_labelled, perplexity


def measured(metric: Metric, outputs: Tensor, targets: Tensor) -> float:
    return metric.of([metric.collect(o[None], t[None]) for o, t in zip(outputs, targets, strict=True)])


def test_places_without_a_label_do_not_count() -> None:
    torch.manual_seed(0)
    outputs, targets = torch.randn(4, 6, 5), torch.full((4, 6), ABSENT)
    targets[0, 2], targets[0, 5], targets[3, 0] = 1, 4, 2
    places = ((0, 2), (0, 5), (3, 0))
    chances = outputs.double().softmax(-1)
    surprise = -sum(math.log(chances[*place, targets[place]]) for place in places) / 3
    assert float(cross_entropy_where_labelled(outputs, targets)) == pytest.approx(surprise)
    assert measured(perplexity(), outputs, targets) == pytest.approx(math.exp(surprise))
    right = sum(int(outputs[place].argmax()) == int(targets[place]) for place in places)
    assert measured(accuracy_where_labelled(), outputs, targets) == pytest.approx(right / 3)


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
