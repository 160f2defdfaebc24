"""Regression metrics from sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.base import Metric
from tasks.metrics import pearson, r_squared, rmse

OUTPUTS = torch.tensor([1.0, 2.0, 4.0, 3.5])
TARGETS = torch.tensor([0.5, 2.5, 3.0, 5.0])


def measured(metric: Metric, outputs: torch.Tensor, targets: torch.Tensor, pieces: int = 1) -> float:
    sums = [metric.collect(o, t) for o, t in zip(outputs.chunk(pieces), targets.chunk(pieces), strict=True)]
    return float(metric.value(torch.stack(sums).sum(0)))


@pytest.mark.parametrize("pieces", [1, 2, 4])
def test_metrics_equal_their_definitions_however_the_split_is_cut(pieces: int) -> None:
    outputs, targets = OUTPUTS.numpy(), TARGETS.numpy()
    squared = np.sum((outputs - targets) ** 2)
    assert measured(rmse(), OUTPUTS, TARGETS, pieces) == pytest.approx(np.sqrt(squared / 4))
    assert measured(r_squared(), OUTPUTS, TARGETS, pieces) == pytest.approx(
        1 - squared / np.sum((targets - targets.mean()) ** 2)
    )
    assert measured(pearson(), OUTPUTS, TARGETS, pieces) == pytest.approx(np.corrcoef(outputs, targets)[0, 1])


def test_perfect_outputs_reach_the_best_values() -> None:
    for metric in (rmse(), r_squared(), pearson()):
        assert measured(metric, TARGETS, TARGETS) == pytest.approx(metric.best, abs=1e-6)


def test_answering_the_mean_explains_nothing_and_correlates_with_nothing() -> None:
    mean = TARGETS.mean().expand(4)
    assert measured(r_squared(), mean, TARGETS) == pytest.approx(0)
    assert measured(pearson(), mean, TARGETS) == pytest.approx(0)
