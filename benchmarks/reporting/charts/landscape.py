"""Trajectories of a two-dimensional problem on the contours of its loss, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, Styles
from tasks.base import Landscape

LEVELS = 18
PANEL = 2.35  # inches


@style.styled
def draw_landscape(suite: SuiteSummary, records: Sequence[Record], picture: Landscape, looks: Styles) -> Figure:
    """One panel per method, and per single-task baseline: the path of every run from its start to its end."""
    groups = _groups(suite, records)
    title = f"{suite.name}: every run on the total loss; black is the Pareto front"
    figure, axes = style.panels(max(len(groups), 1), PANEL, title, share_y=True)
    for panel, (name, runs) in zip(axes, groups.items(), strict=False):
        _contours(panel, picture)
        for record in runs:
            _path(panel, record, picture.snapshot, looks[record.cell.row].color)
        panel.set_title(name)
    return figure


def _groups(suite: SuiteSummary, records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by panel title: the methods in the order of the table, then the baselines of each task."""
    methods = [row.row for row in suite.rows if row.row != SINGLE_TASK]
    groups = {row: [r for r in records if r.cell.row == row] for row in methods}
    for task in suite.tasks:
        groups[f"only {task}"] = [r for r in records if r.cell.row == SINGLE_TASK and r.cell.tasks == (task,)]
    return {name: runs for name, runs in groups.items() if runs}


def _contours(axes: Axes, picture: Landscape) -> None:
    total = np.sum([loss.numpy() for loss in picture.losses.values()], axis=0)
    x, y = picture.x.numpy(), picture.y.numpy()
    filled = axes.contourf(x, y, total, levels=LEVELS, cmap="Greys", alpha=0.55)
    filled.set_rasterized(True)  # thousands of polygons would make the SVG large
    front = picture.front.numpy()
    axes.plot(front[:, 0], front[:, 1], color=INK, lw=3.0, solid_capstyle="round")
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    axes.grid(visible=False)
    style.few_ticks(axes)


def _path(axes: Axes, record: Record, snapshot: str, color: str) -> None:
    """One run: a hollow dot at its start, a full one at its end, a cross where it broke."""
    points = np.array(record.curves.snapshots.get(snapshot, []), dtype=float)
    if not points.size:
        return
    axes.plot(points[:, 0], points[:, 1], color=color, lw=1.3)
    axes.scatter(*points[0], s=20, facecolor="white", edgecolor=color, lw=1.2, zorder=3)
    end = {"marker": "o", "edgecolor": FAINT, "lw": 0.4} if record.status == "done" else {"marker": "x", "lw": 1.8}
    axes.scatter(*points[-1], s=24, color=color, zorder=4, **end)
