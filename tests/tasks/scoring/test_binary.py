"""Binary classification: the loss, and the metrics beside scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from tasks.base import Metric
from tasks.scoring.binary import balanced_accuracy, binary_accuracy, cross_entropy, f1

METRICS: list[tuple[Metric, Callable[..., float]]] = [
    (f1(), f1_score),
    (binary_accuracy(), accuracy_score),
    (balanced_accuracy(), balanced_accuracy_score),
]


@pytest.mark.parametrize(("metric", "official"), METRICS, ids=[metric.name for metric, _ in METRICS])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_metrics_are_those_of_scikit_learn(metric: Metric, official: Callable[..., float], size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(50, generator=generator), torch.rand(50, generator=generator) < 0.3
    pieces = zip(logits.split(size), truth.split(size), strict=True)
    assert metric.of([metric.collect(*piece) for piece in pieces]) == pytest.approx(official(truth, logits > 0))


def test_constant_answers_are_seen_to_be_trivial() -> None:
    truth = torch.arange(50) < 1
    value = {m.name: m.of([m.collect(torch.full((50,), -3.0), truth)]) for m, _ in METRICS}
    assert value == {"f1": 0, "accuracy": 0.98, "balanced_accuracy": 0.5}


def test_metrics_are_finite_where_one_answer_is_always_right() -> None:
    for truth in (torch.ones(4, dtype=torch.bool), torch.zeros(4, dtype=torch.bool)):
        assert all(np.isfinite(m.of([m.collect(torch.zeros(4), truth)])) for m, _ in METRICS)


def test_the_loss_is_the_binary_cross_entropy() -> None:
    logits, truth = torch.tensor([0.5, -2.0]), torch.tensor([True, False])
    expected = -(torch.sigmoid(logits[0]).log() + (1 - torch.sigmoid(logits[1])).log()) / 2
    torch.testing.assert_close(cross_entropy(logits, truth), expected)
