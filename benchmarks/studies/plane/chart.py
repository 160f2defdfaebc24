"""A panel per method: its trajectories from all starts on the sum of both losses, with the Pareto front."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import INK, PALETTE
from benchmarks.studies.plane.results import PlaneResults, order, score
from tasks.base import Landscape
from tasks.suites.plane import TwoTaskPlane

CAPTION = (
    "Panels in the order of the table, both axes from −10 to 10. Grey: the sum of the losses;\n"
    "white lines: narrow valleys. The left end of the front is best for the second task,\n"
    "the right end for the first."
)
COLUMNS = 5
PANEL = 1.3  # inches
THIN = 2  # of the points of the landscape one in so many, along each axis


@style.styled
def draw(results: PlaneResults) -> Figure:
    """Draw all methods in the order of the table."""
    picture = TwoTaskPlane().landscape()
    rows = list(results.ends)
    figure, axes = style.panels(len(rows), PANEL, "Where every method goes on the plane", columns=COLUMNS)
    for panel, row in zip(axes, order(results), strict=True):
        _landscape(panel, picture)
        for end, color in zip(results.ends[row], PALETTE, strict=False):
            _path(panel, results.points[:, rows.index(row), end.start - 1].numpy(), color, end.on_front)
        panel.set_title(f"{row}\n{score(results, row)}", fontsize=6.0, pad=2)
    _legend(figure)
    return figure


def _landscape(axes: Axes, picture: Landscape) -> None:
    x, y = picture.x.numpy()[::THIN], picture.y.numpy()[::THIN]
    total = np.sum([loss.numpy() for loss in picture.losses.values()], axis=0)[::THIN, ::THIN]
    extent = (x.min(), x.max(), y.min(), y.max())
    axes.imshow(total, origin="lower", extent=extent, aspect="auto", cmap="Greys", alpha=0.45, interpolation="none")
    front = picture.front.numpy()
    axes.plot(front[:, 0], front[:, 1], color=INK, lw=2.0, solid_capstyle="round")
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
    axes.grid(visible=False)


def _path(axes: Axes, points: NDArray[np.float32], color: str, on_front: bool) -> None:
    axes.plot(points[:, 0], points[:, 1], color=color, lw=0.9)
    axes.scatter(*points[0], s=9, facecolor="white", edgecolor=color, lw=0.8, zorder=3, clip_on=False)
    end = {"marker": "o", "s": 9, "lw": 0} if on_front else {"marker": "x", "s": 16, "lw": 1.2}
    axes.scatter(*points[-1], color=color, zorder=4, clip_on=False, **end)


def _legend(figure: Figure) -> None:
    def sign(label: str, **look: object) -> Line2D:
        return Line2D([], [], color=INK, linestyle="none", markersize=4, label=label, **look)  # pyright: ignore

    handles = [
        Line2D([], [], color=INK, lw=2.0, label="Pareto front"),
        sign("start", marker="o", markerfacecolor="white"),
        sign("end on the front", marker="o"),
        sign("end elsewhere", marker="x"),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=len(handles),
        columnspacing=1.2,
        title=CAPTION,
        title_fontsize=7.0,
        alignment="left",
    )
