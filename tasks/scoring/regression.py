"""Metrics of regression tasks on a whole split, from sums that are added up batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tasks.contract import Metric


def rmse(name: str = "rmse") -> Metric:
    """Root of the mean squared error of outputs (N,) against targets (N,)."""
    return _from_moments(name, 0.0, lambda m: _squared_error(m).div(m[0]).sqrt(), higher_is_better=False)


def r_squared(name: str = "r2") -> Metric:
    """Share of the targets' variance that outputs (N,) explain: 1 - squared error / squared deviation from the mean."""
    return _from_moments(
        name, 1.0, lambda m: 1 - _squared_error(m) / _nonzero(m[4] - m[2] ** 2 / m[0]), higher_is_better=True
    )


def pearson(name: str = "pearson") -> Metric:
    """Correlation of outputs (N,) with targets (N,); 0 where either does not vary."""

    def value(moments: Tensor) -> Tensor:
        count, out, target, out_out, target_target, out_target = moments
        spread = _nonzero(out_out - out**2 / count).sqrt() * _nonzero(target_target - target**2 / count).sqrt()
        return (out_target - out * target / count) / spread

    return _from_moments(name, 1.0, value, higher_is_better=True)


def _from_moments(name: str, best: float, value: Callable[[Tensor], Tensor], *, higher_is_better: bool) -> Metric:
    return Metric(name, best, higher_is_better, _moments, value)


def _moments(outputs: Tensor, targets: Tensor) -> Tensor:
    """Count, and sums of: output, target, output², target², output × target; shape (6,), in float64."""
    out, target = outputs.double(), targets.double()
    sums = (out.new_tensor(out.numel()), out.sum(), target.sum(), (out * out).sum(), (target * target).sum())
    return torch.stack([*sums, (out * target).sum()])


def _squared_error(moments: Tensor) -> Tensor:
    return (moments[3] - 2 * moments[5] + moments[4]).clamp(min=0)


def _nonzero(spread: Tensor) -> Tensor:
    """A sum of squares kept above rounding, so that a constant gives a quotient of 0 and not 0/0."""
    return spread.clamp(min=torch.finfo(torch.float64).tiny)
