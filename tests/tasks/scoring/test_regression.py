"""The metrics of regression, beside those of scikit-learn and scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import r2_score, root_mean_squared_error
from torch import Tensor

from tasks.base import Metric
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
