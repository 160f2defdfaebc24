"""Curves of several seeds in one panel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from benchmarks.records.record import Curves, Record
from benchmarks.reporting.charts.colors import RowStyle

Values = Callable[[Curves], Sequence[float | None]]


@dataclass(frozen=True)
class Series:
    """Several curves at the same steps: ``values`` has shape (curves, steps), NaN where nothing was measured."""

    step: NDArray[np.float64]
    values: NDArray[np.float64]

    def mean(self) -> NDArray[np.float64]:
        """Mean at every step that all curves have."""
        return self.values.mean(0)

    def quantile(self, share: float) -> NDArray[np.float64]:
        """A quantile over the curves at every step that all curves have."""
        return np.quantile(self.values, share, axis=0)


def finished(records: Iterable[Record], values: Values) -> Series | None:
    """One curve per finished run; none without any."""
    return _series([r.curves for r in records if r.status == "done"], values)


def broken(records: Iterable[Record], values: Values) -> list[Series]:
    """The curves of runs that did not finish, each by itself since each ends at its own step."""
    curves = [_series([r.curves], values) for r in records if r.status != "done"]
    return [curve for curve in curves if curve is not None and curve.step.size]


def _series(curves: Sequence[Curves], values: Values) -> Series | None:
    lines = [(c.step, list(values(c))) for c in curves]
    lines = [(step, line) for step, line in lines if line]
    if not lines:
        return None
    shortest = min(len(line) for _, line in lines)
    array = np.array([line[:shortest] for _, line in lines], dtype=float)
    return Series(np.array(lines[0][0][:shortest], dtype=float), array)


def draw(axes: Axes, records: Sequence[Record], values: Values, look: RowStyle, *, top: bool = False) -> None:
    """The mean over finished seeds with the range of seeds as a band; broken runs end in a cross."""
    together = finished(records, values)
    if together is not None:
        axes.plot(
            together.step, together.mean(), color=look.color, linestyle=look.dash, lw=1.6, zorder=2.5 if top else 2
        )
        if len(together.values) > 1:
            low, high = together.quantile(0), together.quantile(1)
            axes.fill_between(together.step, low, high, color=look.color, alpha=0.12, lw=0)
    for one in broken(records, values):
        axes.plot(one.step, one.values[0], color=look.color, linestyle=look.dash, lw=0.9, alpha=0.8)
        measured = np.flatnonzero(np.isfinite(one.values[0]))
        if measured.size:
            axes.plot(one.step[measured[-1]], one.values[0, measured[-1]], marker="x", color=look.color, ms=6, mew=1.6)
