"""Trajectories of a two-dimensional problem on the contours of its loss, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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
        _paths(panel, runs, picture.snapshot, looks[runs[0].cell.row].color)
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
    """The total loss in steps of grey, and the Pareto front."""
    total = np.sum([loss.numpy() for loss in picture.losses.values()], axis=0)
    x, y = picture.x.numpy(), picture.y.numpy()
    bounds = MaxNLocator(LEVELS + 1).tick_values(total.min(), total.max())
    extent = (x.min(), x.max(), y.min(), y.max())
    image = {"norm": BoundaryNorm(bounds, 256), "cmap": "Greys", "alpha": 0.55, "interpolation": "nearest"}
    axes.imshow(total, origin="lower", extent=extent, aspect="auto", **image)  # contours take much longer to draw
    front = picture.front.numpy()
    axes.plot(front[:, 0], front[:, 1], color=INK, lw=3.0, solid_capstyle="round")
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    axes.grid(visible=False)
    style.few_ticks(axes)


def _paths(axes: Axes, records: Sequence[Record], snapshot: str, color: str) -> None:
    """Each run: a hollow dot at its start, a full one at its end, or a cross where it failed."""
    snapshots = [(record.status, record.curves.snapshots.get(snapshot, [])) for record in records]
    paths = [(status, np.array(points, dtype=float)) for status, points in snapshots if points]
    for _, points in paths:
        axes.plot(points[:, 0], points[:, 1], color=color, lw=1.3)
    done = [points[-1] for status, points in paths if status == "done"]
    failed = [points[-1] for status, points in paths if status != "done"]
    dots = {"facecolor": "white", "edgecolor": color, "lw": 1.2, "zorder": 3}
    _marks(axes, [points[0] for _, points in paths], s=20, **dots)
    _marks(axes, done, s=24, color=color, marker="o", edgecolor=FAINT, lw=0.4, zorder=4)
    _marks(axes, failed, s=24, color=color, marker="x", lw=1.8, zorder=4)


def _marks(axes: Axes, points: Sequence[np.ndarray], **look: Any) -> None:
    if points:
        axes.scatter(*np.array(points).T, **look)
