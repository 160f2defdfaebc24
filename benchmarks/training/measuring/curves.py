"""The curves of one run, point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from benchmarks.records.record import Curves, Scalars
from benchmarks.training.measuring.evaluate import Geometry

DIGITS = 6  # significant digits in curves: plenty to draw, and they keep records small


class CurveLog:
    """Collects the points of curves; `curves` has all points so far, also after a failure."""

    def __init__(self, tasks: Sequence[str]) -> None:
        self._tasks = list(tasks)
        self._curves = Curves(step=[], train_loss={}, validation={}, weights={}, norms={}, cosines={}, snapshots={})

    def add(self, step: int, validation: Scalars, geometry: Geometry, snapshot: Mapping[str, Sequence[float]]) -> None:
        """Add a point; `add_means` completes it."""
        curves = self._curves
        curves.step.append(step)
        for task, metrics in validation.items():
            for metric, value in metrics.items():
                curves.validation.setdefault(task, {}).setdefault(metric, []).append(rounded(value))
        for task, norm in geometry.norms.items():
            curves.norms.setdefault(task, []).append(rounded(norm))
        for pair, cosine in geometry.cosines.items():
            curves.cosines.setdefault(pair, []).append(rounded(cosine))
        for name, values in snapshot.items():
            curves.snapshots.setdefault(name, []).append([rounded(value) for value in values])

    def add_means(self, losses: Tensor | None, weights: Tensor | None) -> None:
        """Add the mean training losses and weights (K,) since the point before; there are none at the first point."""
        for lines, means in ((self._curves.train_loss, losses), (self._curves.weights, weights)):
            values = [None] * len(self._tasks) if means is None else [rounded(mean) for mean in means.tolist()]
            for task, value in zip(self._tasks, values, strict=True):
                lines.setdefault(task, []).append(value)

    @property
    def curves(self) -> Curves:
        """All points so far."""
        return self._curves


def rounded(value: float) -> float:
    """``value`` to six significant digits."""
    return float(f"{value:.{DIGITS}g}")
