"""Charts of options: the gain of every method over single-task at each value of one option."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWNBASE, CARETUPBASE, MarkerStyle
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from benchmarks.analysis.means import mean_of_known
from benchmarks.analysis.option_gains import MOST_TASKS, Along, Lines, worst
from benchmarks.analysis.option_series import OptionSeries
from benchmarks.analysis.statistics import Estimate
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import INK, RowStyle, Styles, styles
from benchmarks.reporting.charts.curves import MOST

PANEL = 1.9  # inches
ASIDE, MOST_ASIDE = 0.4, 0.1  # rows lie beside each other over so much of the way between two values, and of the axis
LETTER = 0.034  # of the axis, that a letter of a label takes
MARGIN, ROOM = 0.08, 0.1  # of what is shown: left and right of the values, below and above the differences
DELTA = "Δ taskwise"


@style.styled
def draw_option_series(series: OptionSeries, gains: Along, metrics: Mapping[str, str], looks: Styles) -> Figure:
    """The difference to single-task against the option's value: mean over seeds, and seeds or intervals of the mean.

    There is a panel for every task, and one for Δ taskwise. With more than `MOST_TASKS` tasks there are too many panels
    to read: then there is one for the task that the option names, if it names one, and one for the worst task of each
    row at each value. Of many rows the best are shown.

    Args:
        series: the option and its values.
        gains: the differences, in percent.
        metrics: the primary metric by task.
        looks: of all rows.
    """
    rows = legible({row: gains.mean[row] for row in looks if row in gains.mean})
    looks = looks if len(rows) == len(gains.mean) else styles(rows)
    which = "" if len(rows) == len(gains.mean) else f", the best of {len(gains.mean)} methods"
    shown = panels(series, gains, metrics)
    figure, axes = style.panels(len(shown), PANEL, f"{series.subject}: gain over single-task by {series.words}{which}")
    for number, (panel, (title, lines)) in enumerate(zip(axes, shown.items(), strict=True)):
        panel.set_title(title)
        _panel(panel, series, {row: lines[row] for row in rows}, looks)
        if number % 2 == 0:
            panel.set_ylabel("difference, %")
    for panel in axes[-2:]:
        panel.set_xlabel(series.words)
    style.legend(figure, [SINGLE_TASK, *rows], looks)
    return figure


def legible(mean: Lines) -> list[str]:
    """The rows, or of many the first (equal weights, if they ran) and those of the others with the best mean."""

    def score(row: str) -> float:
        return np.nan_to_num(mean_of_known(value.mean for value in mean[row]), nan=-math.inf)

    first, *others = mean or [""]
    chosen = {first, *sorted(others, key=score, reverse=True)[: MOST - 1]}
    return [row for row in mean if row in chosen]


def panels(series: OptionSeries, gains: Along, metrics: Mapping[str, str]) -> dict[str, Lines]:
    """The lines of each panel, by its title."""
    titled = {task: f"{task}: {metrics[task]}" if task in metrics else task for task in gains.tasks}
    if len(gains.tasks) <= MOST_TASKS:
        return {titled[task]: lines for task, lines in gains.tasks.items()} | {DELTA: gains.mean}
    named = {titled[task]: gains.tasks[task] for task in gains.tasks if task == series.task}
    return named | {f"the worst of {len(gains.tasks)} tasks": worst(gains.tasks), DELTA: gains.mean}


def _panel(axes: Axes, series: OptionSeries, lines: Lines, looks: Styles) -> None:
    if not any(math.isfinite(value.mean) for values in lines.values() for value in values):
        style.say(axes, "nothing can be compared: single-task\nor a finished run is missing")
        return
    scale, back = (np.log, np.exp) if series.is_wide else (np.asarray, np.asarray)
    first, *_, last = scale(np.array(series.values))
    places = (scale(np.array(series.values)) - first) / (last - first)  # (values,), from 0 to 1
    aside = min(ASIDE * float(np.diff(places).min()), MOST_ASIDE)
    axes.axhline(0, color=INK, linestyle=looks[SINGLE_TASK].dash, linewidth=1.0)
    axes.set_xscale("log" if series.is_wide else "linear")
    axes.set_xlim(*back(first + np.array([-MARGIN, 1 + MARGIN]) * (last - first)))
    axes.set_ylim(*_reach(lines))
    offsets = (np.arange(len(lines)) - (len(lines) - 1) / 2) / max(len(lines) - 1, 1)  # from -1/2 to 1/2; 0 if alone
    for offset, (row, values) in zip(offsets, lines.items(), strict=True):
        _line(axes, back(first + (places + aside * offset) * (last - first)), values, looks[row])
    _ticks(axes, series, places.tolist())
    style.few_ticks(axes, x=None, y=5)


def _line(axes: Axes, x: np.ndarray, values: Sequence[Estimate], look: RowStyle) -> None:
    """One row: a line through its means; means beyond the axis are arrow heads at its edge."""
    low, high = axes.get_ylim()
    means = np.array([value.mean for value in values])
    shown = np.clip(means, low, high)
    axes.plot(x, shown, color=look.color, linestyle=look.dash, lw=1.4, zorder=2.5)
    marks = {"color": look.color, "zorder": 3, "clip_on": False}
    inside = (low <= means) & (means <= high)
    axes.scatter(x[inside], means[inside], s=22, marker=look.marker, edgecolor="white", lw=0.5, **marks)
    for beyond, arrow in ((means < low, CARETDOWNBASE), (means > high, CARETUPBASE)):
        axes.scatter(x[beyond], shown[beyond], s=34, marker=MarkerStyle(arrow), **marks)
    for place, value in zip(x, values, strict=True):
        if value.has_interval:
            axes.plot([place] * 2, [value.low, value.high], color=look.color, lw=2, alpha=0.45, solid_capstyle="butt")
        elif value.count > 1:
            axes.scatter([place] * value.count, value.values, s=7, color=look.color, alpha=0.5, lw=0)


def _reach(lines: Lines) -> tuple[float, float]:
    """The ends of the axis: it holds 0, and at every value all rows but those far from the others at that value.

    Each value has its own limit, because all rows may be far lower where labels are few.
    """
    shown = [0.0]
    for values in zip(*lines.values(), strict=True):
        drawn = [number for value in values for number in (value.mean, *_spread(value))]
        low, high = style.reach(drawn, [0.0])
        shown += [number for number in drawn if low <= number <= high]
    room = ROOM * (max(shown) - min(shown)) or 1.0
    return min(shown) - room, max(shown) + room


def _spread(value: Estimate) -> tuple[float, ...]:
    return (value.low, value.high) if value.has_interval else value.values


def _ticks(axes: Axes, series: OptionSeries, places: Sequence[float]) -> None:
    """Ticks at the values alone, with the labels that there is room for."""
    labels = [series.label(value) for value in series.values]
    kept = fitting(places, labels)
    axes.xaxis.set_major_locator(FixedLocator(series.values))
    axes.xaxis.set_major_formatter(FixedFormatter([text if k in kept else "" for k, text in enumerate(labels)]))
    axes.xaxis.set_minor_locator(NullLocator())


def fitting(places: Sequence[float], labels: Sequence[str]) -> list[int]:
    """Which labels do not touch: the first and the last, and of the others as many as fit from left to right."""
    halves = [LETTER * (len(text) + 1) / 2 for text in labels]  # with a space
    last = len(labels) - 1
    kept = [0]
    for k in range(1, last):
        if all(abs(places[k] - places[other]) > halves[k] + halves[other] for other in (kept[-1], last)):
            kept.append(k)
    return [*kept, last]
