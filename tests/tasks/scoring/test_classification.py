"""Accuracy, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import Tensor

from tasks.base import Metric, Split
from tasks.scoring.classification import accuracy

COUNT = 50
sizes = pytest.mark.parametrize("size", [1, 7, COUNT])  # of a batch; with 7 the last one has a single example
seeds = pytest.mark.parametrize("seed", range(4))


def measured(metric: Metric, outputs: Tensor, targets: Tensor, size: int) -> float:
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
