"""Runs per hour against replicas: a panel per suite and method."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, PALETTE
from benchmarks.studies.throughput.rates import ALONE, PLAIN, TOGETHER, Rate

PANEL = 2.1  # inches
ROOM = 1.7  # around the lines, so that there are at least two numbers on the axis
LINES = {ALONE: (INK, (4, 2)), PLAIN: (FAINT, (1, 1))}


@style.styled
def draw(rates: Sequence[Rate]) -> Figure:
    """Draw all rates; the two ways without replicas are horizontal lines."""
    cases = list(dict.fromkeys((rate.suite, rate.method) for rate in rates))
    figure, axes = style.panels(len(cases), PANEL, "Runs per hour against replicas in one loop")
    for panel, (suite, method) in zip(axes, cases, strict=True):
        _lines(panel, [rate for rate in rates if (rate.suite, rate.method) == (suite, method)])
        panel.set_title(f"{suite}\n{method}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), columnspacing=1.2)
    return figure


def _lines(axes: Axes, rates: Sequence[Rate]) -> None:
    together = [rate for rate in rates if rate.way == TOGETHER]
    counts = [rate.replicas for rate in together]
    axes.plot(counts, [rate.runs_per_hour for rate in together], color=PALETTE[0], marker="o", ms=4, label=TOGETHER)
    for rate in rates:
        if rate.way in LINES:
            color, dash = LINES[rate.way]
            axes.axhline(rate.runs_per_hour, color=color, linestyle=(0, dash), lw=1.3, label=rate.way)
    axes.set(xscale="log", yscale="log", xlabel="replicas", ylabel="runs per hour")
    drawn = [rate.runs_per_hour for rate in rates]
    axes.set_ylim(min(drawn) / ROOM, max(drawn) * ROOM)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
