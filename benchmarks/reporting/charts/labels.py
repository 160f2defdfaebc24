"""Labels beside a chart, placed so that they never overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import LEADER

SHARE = 0.27  # of a figure's width that its labels take
LINE_HEIGHT = 11.0  # points between two labels of 8.5 points


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The positions nearest to the given ones, in least squares, that keep ``gap`` and lie within ``low`` and ``high``.

    Order is kept. Where the room is too small for the gap, the labels are spaced evenly over it.
    """
    if len(positions) < 2:
        return [float(np.clip(p, low, high)) for p in positions]
    gap = min(gap, (high - low) / (len(positions) - 1))
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(positions))
    free = isotonic_regression(np.asarray(positions, dtype=float)[order] - steps).x
    places = np.empty(len(positions))
    places[order] = np.clip(free, low, high - steps[-1]) + steps
    return places.tolist()


def column(figure: Figure, axes: Axes, ends: Sequence[tuple[float, float]], texts: Sequence[tuple[str, str]]) -> None:
    """Make room right of a figure's only axes and write texts of a color there, joined with points in data coordinates.

    Call it when the limits of the axes are final.
    """
    figure.set_layout_engine("constrained", rect=(0, 0, 1 - SHARE, 1))
    style.place(figure)
    beside(axes, ends, [text for text, _ in texts], [color for _, color in texts])


def beside(axes: Axes, ends: Sequence[tuple[float, float]], texts: Sequence[str], colors: Sequence[str]) -> None:
    """Write ``texts`` right of the axes, each joined by a thin line with its point in data coordinates."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    height = axes.get_position().height * figure.get_size_inches()[1] * 72  # points
    to_axes = axes.transData + axes.transAxes.inverted()
    points = [to_axes.transform(end) for end in ends]
    places = spread([float(p[1]) for p in points], LINE_HEIGHT / height, 0.02, 0.98)
    for point, place, text, color in zip(points, places, texts, colors, strict=True):
        label = axes.annotate(
            text,
            xy=(point[0], point[1]),
            xytext=(1.03, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=color,
            fontsize=8.5,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": LEADER,
                "linewidth": 0.6,
                "relpos": (0, 0.5),  # from the left of the text
                "shrinkA": 1,
                "shrinkB": 4,
            },
        )
        label.set_in_layout(False)  # there is room for it already
