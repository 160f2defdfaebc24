"""Chart of test metrics: a panel per task with single-task, equal weights, tuned weights and the best methods."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETLEFTBASE, CARETRIGHTBASE, MarkerStyle

from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import MIN_SEEDS, Estimate
from benchmarks.analysis.summaries import MetricSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, RowStyle, Styles, styles
from benchmarks.reporting.words import plural

MOST_TASKS = 2  # panels of a suite; of more tasks, the two at which equal weights do worst and best
MOST_METHODS = 6  # that have a line of their own; all others share one
ACROSS = 2  # suites beside each other
PANEL = 1.9  # inches of width; names of methods take as much again
LINE, HEADER = 0.19, 0.78  # inches of a method's line, and of a panel's title and axis
TITLE_LETTERS = 26  # of a panel's title in a line
KEY_LETTERS, KEY_LINE = 15.5, 0.17  # of the key, letters in an inch, and inches of a line
KEY = (
    f"Large marks are means over seeds, bars their 95 % intervals; with fewer than {MIN_SEEDS} seeds, small dots are "
    "seeds. The dashed line is single-task."
)
OTHERS = (
    " Methods with a name have the best mean Δ over all suites. Each grey dot is the mean of another method; an arrow "
    "head stands for methods beyond the axis."
)
WORST = " Suites with many tasks show those at which equal weights are worst and best against single-task."


class Panel(NamedTuple):
    """One task: its metric, and the results of the rows."""

    title: str
    metric: MetricSummary
    named: dict[str, Estimate]  # row -> test metric at the selected checkpoint
    others: tuple[float, ...]  # means of all other methods


def named_rows(results: Results) -> list[str]:
    """The rows with their own line: single-task, equal weights, tuned weights, the methods with the best mean Δ."""
    methods = best_first(results.aggregates, without=results.noise_floor)
    references = [row for row in (results.aggregates.equal_weights, results.tuned_weights) if row in methods]
    others = [method for method in methods if method not in references]
    return [SINGLE_TASK, *references, *others[: MOST_METHODS - len(references)]]


def shown_tasks(suite: SuiteSummary, equal_weights: str) -> list[int]:
    """The places of the tasks with a panel, in the order of the suite.

    All tasks of a suite with few of them, or else the two at which equal weights are worst and best against
    single-task; without such results the first ones.
    """
    count = len(suite.rows[0].primary)
    equal = suite.row(equal_weights)
    relative = [math.nan] * count if equal is None else [metric.relative for metric in equal.primary]
    if count <= MOST_TASKS or np.isnan(relative).all():
        return list(range(min(count, MOST_TASKS)))
    return sorted({int(np.nanargmin(relative)), int(np.nanargmax(relative))})


def panels_of(suite: SuiteSummary, named: Sequence[str], others: Sequence[str], equal_weights: str) -> list[Panel]:
    """The panels of one suite; of many tasks, titles say which of the two is the worst."""
    places = shown_tasks(suite, equal_weights)
    count = len(suite.rows[0].primary)
    notes = [""] * len(places)
    equal = suite.row(equal_weights)
    if count > MOST_TASKS and equal is not None and len(places) == MOST_TASKS:
        first, second = (equal.primary[k].relative for k in places)
        notes = [f" (worst of {count})", f" (best of {count})"][:: 1 if first <= second else -1]
    return [
        Panel(
            title=f"{_short(suite.name)}\n{_short(suite.rows[0].primary[k].task)}{note}",
            metric=suite.rows[0].primary[k],
            named={row.row: row.primary[k].best for row in suite.rows if row.row in named},
            others=tuple(row.primary[k].best.mean for row in suite.rows if row.row in others),
        )
        for k, note in zip(places, notes, strict=True)
    ]


@style.styled
def draw_test_metrics(results: Results) -> Figure:
    """The test metric of every task with a panel: means, intervals or seeds; right is better in every panel.

    Rows are those of `named_rows`; the last line holds one dot for each other method.
    """
    rows = named_rows(results)
    suites = results.aggregates.suites
    others = [row for row in results.aggregates.rows if row not in (*rows, results.noise_floor)]
    lines = [*rows, *([plural(len(others), "other method")] if others else [])]
    columns = MOST_TASKS * min(ACROSS, len(suites))
    bands = -(-len(suites) // ACROSS)
    width = PANEL * (columns + 1)
    many = any(len(suite.rows[0].primary) > MOST_TASKS for suite in suites)
    key = textwrap.wrap(KEY + OTHERS * bool(others) + WORST * many, int(KEY_LETTERS * width))
    height = bands * (HEADER + LINE * len(lines)) + KEY_LINE * len(key)
    figure = style.sheet(height, "Test metric of every task; right is better in every panel", width)
    figure.supxlabel("\n".join(key), x=0.01, ha="left", fontsize=8, color=FAINT)
    grid = figure.subplots(bands, columns, squeeze=False, sharey=True)
    for axes in grid.flat:
        axes.set_axis_off()
    looks = styles(rows)
    for number, suite in enumerate(suites):
        band, place = divmod(number, ACROSS)
        for k, panel in enumerate(panels_of(suite, rows, others, results.aggregates.equal_weights)):
            axes = grid[band, MOST_TASKS * place + k]
            axes.set_axis_on()
            _draw(axes, panel, lines, looks)
    return figure


def _draw(axes: Axes, panel: Panel, lines: Sequence[str], looks: Styles) -> None:
    higher = panel.metric.fact.higher_is_better
    axes.set_title(panel.title, fontsize=8.5)
    axes.set_xlabel(f"{panel.metric.fact.name} → better")
    style.name_rows(axes, lines)
    shown = [value for result in panel.named.values() for value in (result.mean, *_spread(result))]
    if not np.isfinite([*shown, *panel.others]).any():
        style.say(axes, "no finished run")
        return
    low, high = style.reach([*shown, *panel.others], [value for value in shown if math.isfinite(value)])
    axes.set_xlim((low, high) if higher else (high, low))
    single = panel.named.get(SINGLE_TASK)
    if single is not None and single.count:
        axes.axvline(single.mean, color=INK, linestyle=looks[SINGLE_TASK].dash, linewidth=1.0, zorder=1)
    for row, result in panel.named.items():
        _line(axes, lines.index(row), result, looks[row])
    if len(lines) > len(looks):
        _others(axes, len(lines) - 1, panel.others)
    style.few_ticks(axes, x=3, y=None)


def _short(name: str) -> str:
    return name if len(name) <= TITLE_LETTERS else f"{name[: TITLE_LETTERS - 1]}…"


def _spread(result: Estimate) -> tuple[float, ...]:
    return (result.low, result.high) if result.has_interval else result.values


def _line(axes: Axes, y: int, result: Estimate, look: RowStyle) -> None:
    """One row: the mean with its interval, or with its seeds where there are too few for an interval."""
    if not math.isfinite(result.mean):
        axes.text(0.02, y, "no result", transform=axes.get_yaxis_transform(), color=FAINT, fontsize=7.5, va="center")
        return
    if result.has_interval:
        axes.plot([result.low, result.high], [y, y], color=look.color, lw=2.4, alpha=0.5, solid_capstyle="butt")
    elif result.count > 1:
        axes.scatter(result.values, [y] * result.count, s=9, color=look.color, alpha=0.5, lw=0)
    axes.scatter([result.mean], [y], s=30, color=look.color, marker=look.marker, zorder=3)


def _others(axes: Axes, y: int, means: Sequence[float]) -> None:
    """One faint dot for each other method; those beyond the axis are arrow heads at its edge."""
    left, right = axes.get_xlim()
    low, high = min(left, right), max(left, right)
    known = np.array([mean for mean in means if math.isfinite(mean)])
    inside = known[(low <= known) & (known <= high)]
    axes.scatter(inside, [y] * len(inside), s=12, color=FAINT, alpha=0.45, lw=0)
    for beyond, edge in (((known < low).any(), low), ((known > high).any(), high)):
        if beyond:
            arrow = CARETLEFTBASE if edge == left else CARETRIGHTBASE
            axes.scatter([edge], [y], s=26, color=FAINT, marker=MarkerStyle(arrow), clip_on=False, zorder=3)
