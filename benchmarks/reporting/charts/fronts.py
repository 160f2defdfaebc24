"""Charts of methods against the front of fixed weights: the plane of two tasks, or distances of more tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.fronts import WeightFront
from benchmarks.reporting.charts import labels, style
from benchmarks.reporting.charts.colors import FAINT, INK, RowStyle, Styles

ROW_HEIGHT = 0.19  # inches


def draw_front(front: WeightFront, looks: Styles) -> Figure:
    """Methods against the results of fixed weights; a hollow mark is a method that some fixed weights dominate."""
    return _plane(front, looks) if len(front.tasks) == 2 else _distances(front, looks)


@style.styled
def _plane(front: WeightFront, looks: Styles) -> Figure:
    """Both tasks' differences to single-task: fixed weights, the region that they dominate, and all methods."""
    title = f"{front.suite}: against the front of fixed weights"
    figure, (axes,) = style.panels(1, max(3.4, 0.16 * len(front.rows) + 1.0), title, columns=1)
    places = np.array(list(front.rows.values()))
    ends = [style.reach(places[:, k], front.points[:, k]) for k in (0, 1)]
    axes.set(xlim=ends[0], ylim=ends[1], xlabel=_label(front.tasks[0]), ylabel=_label(front.tasks[1]))
    _region(axes, front.points)
    low, high = np.array(ends).T
    shown = {row: np.clip(at, low, high) for row, at in front.rows.items()}  # distant ones at the edge
    for row, at in shown.items():
        look = looks[row]
        face = "white" if front.dominated[row] else look.color
        axes.scatter(
            *at, s=40, marker=look.marker, facecolor=face, edgecolor=look.color, lw=1.3, zorder=3, clip_on=False
        )
    for line in (axes.axhline, axes.axvline):
        line(0, color=FAINT, lw=0.8, linestyle=(0, (2, 1.5)))
    style.few_ticks(axes)
    points = [(float(at[0]), float(at[1])) for at in shown.values()]
    labels.column(figure, axes, points, [(row, looks[row].color) for row in shown])
    return figure


def _label(task: str) -> str:
    return f"{task}: difference to single-task, %"


def _mark(look: RowStyle, *, hollow: bool) -> dict[str, Any]:
    """A row's mark, whole even at the edge of the picture."""
    face = "white" if hollow else look.color
    looks = {"marker": look.marker, "facecolor": face, "edgecolor": look.color, "s": 38, "lw": 1.3}
    return {**looks, "zorder": 3, "clip_on": False}


def _region(axes: Axes, points: np.ndarray) -> None:
    """The points of fixed weights, from left to right, and all that one of them dominates."""
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    x = np.concatenate([[left], points[:, 0], points[-1:, 0]])
    y = np.concatenate([points[:1, 1], points[:, 1], [bottom]])
    axes.fill_between(x, y, bottom, step="pre", color=INK, alpha=0.08, lw=0)
    axes.step(x, y, where="pre", color=INK, lw=1.2)
    axes.scatter(points[:, 0], points[:, 1], s=12, color=INK, zorder=2.5)


@style.styled
def _distances(front: WeightFront, looks: Styles) -> Figure:
    """The distance of every method to the front, the best first; positive is ahead of it."""
    rows = sorted(front.ahead, key=lambda row: -front.ahead[row])
    title = f"{front.suite}: distance to the front of fixed weights"
    figure, (axes,) = style.panels(1, 0.7 + ROW_HEIGHT * max(len(rows), 2), title, columns=1)
    low, high = style.reach(front.ahead.values(), [0.0])
    for y, row in enumerate(rows):
        look, value = looks[row], float(np.clip(front.ahead[row], low, high))
        axes.plot([0, value], [y, y], color=look.color, lw=1.6, alpha=0.5)
        axes.scatter([value], [y], **_mark(look, hollow=front.dominated[row]))
    axes.axvline(0, color=INK, lw=1.2)
    axes.set(xlim=(low, high), xlabel="points ahead of the front (right is better)")
    style.name_rows(axes, rows)
    return figure
