"""A panel per task: every method as trained and fine-tuned, and the single-task model at its compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, RowStyle, styles
from benchmarks.studies.finetuning.results import Row, TransferOutcome, rows

ROW_HEIGHT = 0.26  # inches
HEADER = 0.78  # inches of a panel for its title and axis
SHIFT = 0.17  # rows between the methods' marks and those of the single-task models below them
TITLE = "Fine-tuned models against single-task at equal compute"
STATES = ("multi", "tuned", "single")


@style.styled
def draw(outcomes: Sequence[TransferOutcome]) -> Figure:
    """Draw all tasks; 0 is the single-task model before it goes on."""
    several = rows(outcomes)
    tasks = list(dict.fromkeys((row.suite, row.task) for row in several))
    methods = list(dict.fromkeys(row.row for row in several))
    looks = styles(methods)
    height = HEADER + ROW_HEIGHT * max(len(methods), 2)
    figure, axes = style.panels(len(tasks), height, TITLE, share_y=True)
    for panel, (suite, task) in zip(axes, tasks, strict=True):
        of_task = {row.row: row for row in several if (row.suite, row.task) == (suite, task)}
        _panel(panel, [of_task.get(method) for method in methods], looks)
        style.name_rows(panel, methods)
        panel.set_title(f"{suite}: {task}")
    for panel in axes[-2:]:
        panel.set_xlabel("better than single-task, %")
    _legend(figure)
    return figure


def _panel(axes: Axes, several: Sequence[Row | None], looks: dict[str, RowStyle]) -> None:
    means = {row.row: [row.ahead(state, "plain").mean for state in STATES] for row in several if row is not None}
    low, high = style.reach([value for of_row in means.values() for value in of_row], [0.0])
    axes.axvline(0, color=INK, linestyle=(0, (2, 1.5)), linewidth=1.0)
    axes.set_xlim(low, high)
    for y, row in enumerate(several):
        states = {} if row is None else {s: v for s, v in zip(STATES, means[row.row], strict=True) if math.isfinite(v)}
        if row is None or not states:
            axes.text(0.03, y, "no result", transform=axes.get_yaxis_transform(), color=FAINT, fontsize=8, va="center")
            continue
        _marks(axes, y, {state: float(np.clip(value, low, high)) for state, value in states.items()}, looks[row.row])


def _marks(axes: Axes, y: int, at: dict[str, float], look: RowStyle) -> None:
    """The way from the model as trained to the fine-tuned one, and below it the single-task model."""
    above, below = y - SHIFT, y + SHIFT
    if {"multi", "tuned"} <= at.keys():
        axes.plot([at["multi"], at["tuned"]], [above, above], color=look.color, lw=1.4, alpha=0.6)
    common: dict[str, Any] = {"lw": 1.2, "zorder": 3, "clip_on": False}  # whole even at the edge of the picture
    if "multi" in at:
        axes.scatter([at["multi"]], [above], facecolor="white", edgecolor=look.color, s=26, **common)
    if "tuned" in at:
        axes.scatter([at["tuned"]], [above], color=look.color, s=26, **common)
    if "single" in at:
        axes.scatter([at["single"]], [below], color=INK, marker="D", s=16, **common)


def _legend(figure: Figure) -> None:
    def sign(label: str, **look: object) -> Line2D:
        return Line2D([], [], color=INK, linestyle="none", markersize=5, label=label, **look)  # pyright: ignore

    handles = [
        sign("multi-task, as trained", marker="o", markerfacecolor="white"),
        sign("the same, fine-tuned", marker="o"),
        sign("single-task, equal compute", marker="D"),
        Line2D([], [], color=INK, lw=1.0, linestyle=(0, (2, 1.5)), label="single-task, plain budget"),
    ]
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.45)
    figure.legend(handles=handles, loc="outside lower left", ncols=2, columnspacing=1.2, handlelength=1.8)
