"""Bars per suite: parameters, training and inference of one multi-task model relative to a model per task."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, PALETTE
from benchmarks.studies.efficiency.results import SuiteEfficiency

BAR = 0.14  # inches
GAP = 1.2  # bars between two suites
LABELS = ("parameters", "training, equal weights", "inference, 1 example", "inference, a batch")
TITLE = "One multi-task model, in parts of a model per task"


@style.styled
def draw(suites: Sequence[SuiteEfficiency]) -> Figure:
    """Draw all suites, from top to bottom."""
    figure, (axes,) = style.panels(1, BAR * (len(LABELS) + GAP) * len(suites) + 0.6, TITLE, columns=1)
    ratios = [value for suite in suites for value in suite.ratios.values() if math.isfinite(value)]
    axes.set_xlim(0, 1.12 * max([1.0, *ratios]))
    axes.axvline(1, color=INK, linestyle=(0, (2, 1.5)), linewidth=1.0)
    for k, suite in enumerate(suites):
        _bars(axes, k * (len(LABELS) + GAP), suite)
    _names(axes, suites)
    handles = [Patch(color=color, label=label) for label, color in zip(LABELS, PALETTE, strict=False)]
    line = Line2D([], [], color=INK, lw=1.0, linestyle=(0, (2, 1.5)), label="a model per task")
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.45)
    figure.legend(handles=[*handles, line], loc="outside lower left", ncols=3, columnspacing=1.2, handlelength=1.6)
    return figure


def _bars(axes: Axes, top: float, suite: SuiteEfficiency) -> None:
    for k, (value, color) in enumerate(zip(suite.ratios.values(), PALETTE, strict=False)):
        finite = math.isfinite(value)
        end = value if finite else 0.0
        axes.barh(top + k, end, height=0.86, color=color)
        text = f"{value:.2f}" if finite else "no value"
        label = axes.annotate(text, (end, top + k), (3, 0), textcoords="offset points", fontsize=7, va="center")
        label.set_color(INK if finite else FAINT)
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.4})  # over the dashed line


def _names(axes: Axes, suites: Sequence[SuiteEfficiency]) -> None:
    places = [k * (len(LABELS) + GAP) + (len(LABELS) - 1) / 2 for k in range(len(suites))]
    axes.set_yticks(places, [f"{suite.suite}\n{suite.tasks} tasks" for suite in suites])
    axes.set_ylim(len(suites) * (len(LABELS) + GAP) - GAP, -1)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    style.few_ticks(axes, x=6, y=None)
