"""Metrics of rankings, which need all examples of a split at once."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.contract import Metric


def auc(name: str = "auc") -> Metric:
    """Area under the ROC curve of scores (N,) for targets (N,), pooled over the split; other targets are left out.

    It is the share of all pairs of a 1 and a 0 in which the 1 has the higher score, where a tie counts one half: exact,
    whatever the ties. Without such a pair it is 0.5.
    """
    return Metric(name, 1.0, True, _rows, area_under_curve, pooled=True)


def area_under_curve(rows: Tensor) -> Tensor:
    """The area from rows (N, 2) of score and target (0 or 1), from the ranks of the 1s."""
    scores, positive = rows[:, 0], rows[:, 1] == 1
    _, group, sizes = scores.unique(return_inverse=True, return_counts=True)  # in ascending order
    sizes = sizes.double()  # integers would be divided in single precision
    rank = sizes.cumsum(0) - (sizes - 1) / 2  # the mean of the ranks that equal scores share
    ones, zeros = positive.double().sum(), (~positive).double().sum()
    won = rank[group][positive].sum() - ones * (ones + 1) / 2
    pairs = ones * zeros
    return torch.where(pairs > 0, won / pairs.clamp(min=1), 0.5)


def _rows(outputs: Tensor, targets: Tensor) -> Tensor:
    rows = torch.stack([outputs.double(), targets.double()], 1)
    return rows[(targets == 0) | (targets == 1)]
