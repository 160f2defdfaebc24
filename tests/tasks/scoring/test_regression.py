"""Accuracy and the metrics of regression, beside those of scikit-learn and scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, r2_score, root_mean_squared_error
from torch import Tensor

from tasks.base import Metric, Split, accuracy
from tasks.scoring.regression import pearson, r_squared, rmse

COUNT = 50
TARGETS = torch.tensor([0.5, 2.5, 3.0, 5.0])
REGRESSION: list[tuple[Metric, Callable[[np.ndarray, np.ndarray], float]]] = [
    (rmse(), root_mean_squared_error),
    (r_squared(), r2_score),
    (pearson(), lambda truth, predicted: float(np.array(pearsonr(truth, predicted))[0])),
]
sizes = pytest.mark.parametrize("size", [1, 7, COUNT])  # of a batch; with 7 the last one has a single example
seeds = pytest.mark.parametrize("seed", range(4))


def measured(metric: Metric, outputs: Tensor, targets: Tensor, size: int = COUNT) -> float:
    return metric.of([metric.collect(*part) for part in zip(outputs.split(size), targets.split(size), strict=True)])


def drawn(seed: int, classes: int) -> tuple[Tensor, Tensor]:
    """Logits with many ties, and classes."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(3, (COUNT, classes), generator=generator).float()
    return logits, torch.randint(classes, (COUNT,), generator=generator)


@sizes
@seeds
@pytest.mark.parametrize("classes", [2, 5])
def test_accuracy_is_that_of_scikit_learn_and_the_first_of_equal_logits_counts(
    classes: int, seed: int, size: int
) -> None:
    logits, targets = drawn(seed, classes)
    expected = accuracy_score(targets.numpy(), np.argmax(logits.numpy(), 1))
    assert 0 < expected < 1
    assert measured(accuracy(), logits, targets, size) == pytest.approx(expected)


@sizes
@seeds
def test_accuracy_is_that_of_the_examples_which_have_the_target(seed: int, size: int) -> None:
    logits, targets = drawn(seed, 3)
    have = torch.rand(COUNT, generator=torch.Generator().manual_seed(seed)) < 0.3
    split = Split({"logits": logits}, {"task": torch.where(have, targets, -100)}, {"task": have})
    metric = accuracy()
    parts = [
        metric.collect(batch.having("task", batch.inputs["logits"]), batch.having("task", batch.targets["task"]))
        for batch in split.batches(size)
    ]
    assert metric.of(parts) == pytest.approx(accuracy_score(targets[have].numpy(), logits[have].numpy().argmax(1)))


@sizes
@seeds
@pytest.mark.parametrize(("metric", "official"), REGRESSION, ids=[metric.name for metric, _ in REGRESSION])
def test_regression_is_measured_as_by_scikit_learn_and_scipy(
    metric: Metric, official: Callable[[np.ndarray, np.ndarray], float], seed: int, size: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    targets = 10.0**seed * torch.randn(COUNT, generator=generator) + 5  # from one unit to a thousand
    outputs = 0.5 * targets + 10.0**seed * torch.randn(COUNT, generator=generator).round()
    truth, predicted = targets.double().numpy(), outputs.double().numpy()
    assert measured(metric, outputs, targets, size) == pytest.approx(official(truth, predicted), rel=1e-9)


def test_perfect_outputs_reach_the_best_values() -> None:
    for metric in (rmse(), r_squared(), pearson()):
        assert measured(metric, TARGETS, TARGETS) == pytest.approx(metric.best, abs=1e-6)


def test_answering_the_mean_explains_nothing_and_correlates_with_nothing() -> None:
    mean = TARGETS.mean().expand(4)
    assert measured(r_squared(), mean, TARGETS) == pytest.approx(0)
    assert measured(pearson(), mean, TARGETS) == pytest.approx(0)
