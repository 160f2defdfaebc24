"""Charts of one suite's tasks against the single-task line, and of Δ on every suite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.statistics import Estimate
from benchmarks.analysis.summaries import Aggregates, MetricSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import FAINT, INK, Styles

ROW_HEIGHT = 0.21  # inches
HEADER = 0.75  # inches of a panel for its title and axis
SEED_OFFSET = 0.24  # seeds lie so far below the mean, in rows


@style.styled
def draw_tasks(suite: SuiteSummary, looks: Styles) -> Figure:
    """The primary metric of every task: mean and seeds of each row, and the single-task baseline as a line."""
    rows = [row for row in suite.rows if row.row != SINGLE_TASK]
    single = suite.row(SINGLE_TASK)
    tasks = suite.rows[0].primary
    height = HEADER + ROW_HEIGHT * max(len(rows), 2)
    figure, axes = style.panels(max(len(tasks), 1), height, f"{suite.name}: test result per task", share_y=True)
    if not tasks or not rows:
        style.say(axes[0], "no finished run" if rows else "no multi-task run yet")
    for k, (panel, task) in enumerate(zip(axes, tasks if rows else (), strict=False)):
        results = [row.primary[k].best for row in rows]
        reference = single.primary[k].best if single else None
        known = [v for result in [*results, *([reference] if reference else [])] for v in result.values]
        panel.set_xscale(style.scale_for(known))
        _baseline(panel, reference)
        _dots(panel, [row.row for row in rows], results, looks)
        panel.set(title=task.task, xlabel=_direction(task))
    style.legend(figure, [SINGLE_TASK], looks)
    return figure


@style.styled
def draw_overview(aggregates: Aggregates, looks: Styles) -> Figure:
    """Δ taskwise of every method on every suite, with seeds; single-task is the line at 0."""
    rows = [row for row in aggregates.rows if row != SINGLE_TASK]
    height = HEADER + ROW_HEIGHT * max(len(rows), 2)
    title = "Δ: difference to one model per task (dashed line), right is better"
    figure, axes = style.panels(len(aggregates.suites), height, title, share_y=True)
    for panel, suite in zip(axes, aggregates.suites, strict=True):
        summaries = [suite.row(row) for row in rows]
        deltas = [summary.delta_taskwise if summary else None for summary in summaries]
        if any(delta and math.isfinite(delta.mean) for delta in deltas):
            panel.axvline(0, color=INK, linestyle=looks[SINGLE_TASK].dash, linewidth=1.2)
            _dots(panel, rows, deltas, looks)
        else:
            style.say(panel, "no Δ: a single-task baseline\nor a finished run is missing")
        seeds = suite.rows[0].total
        panel.set(title=suite.name, xlabel=f"Δ %, {seeds} seed{'s' if seeds > 1 else ''}")
    return figure


def _baseline(axes: Axes, single: Estimate | None) -> None:
    """The single-task mean as a line, and the range of its seeds as a band."""
    if single is None or not single.count:
        return
    axes.axvspan(min(single.values), max(single.values), color=INK, alpha=0.07, lw=0)
    axes.axvline(single.mean, color=INK, linestyle=(0, (2, 1.5)), linewidth=1.2)


def _dots(axes: Axes, rows: Sequence[str], results: Sequence[Estimate | None], looks: Styles) -> None:
    """One line per row from top to bottom: the mean, its interval if there is one, and the seeds below it."""
    marked = [(y, row, each) for y, (row, each) in enumerate(zip(rows, results, strict=True)) if _is_known(each)]
    places = {y for y, _, _ in marked}
    for y in set(range(len(rows))) - places:
        axes.text(0.02, y, "no result", transform=axes.get_yaxis_transform(), color=FAINT, fontsize=8, va="center")
    seeds = [(value, y + SEED_OFFSET, looks[row].color) for y, row, e in marked if e.count > 1 for value in e.values]
    if seeds:
        x, heights, colors = zip(*seeds, strict=True)
        axes.scatter(x, heights, s=8, c=colors, alpha=0.55, lw=0)
    bars = [(e.low, e.high, y, looks[row].color) for y, row, e in marked if e.has_interval]
    if bars:
        low, high, heights, colors = zip(*bars, strict=True)
        axes.hlines(heights, low, high, colors=colors, lw=2.2, alpha=0.55, capstyle="butt")
    for marker in dict.fromkeys(looks[row].marker for _, row, _ in marked):
        marks = [(e.mean, y, looks[row].color) for y, row, e in marked if looks[row].marker == marker]
        x, heights, colors = zip(*marks, strict=True)
        axes.scatter(x, heights, s=34, c=colors, marker=marker, zorder=3)
    style.name_rows(axes, rows)


def _is_known(result: Estimate | None) -> TypeGuard[Estimate]:
    return result is not None and math.isfinite(result.mean)


def _direction(metric: MetricSummary) -> str:
    return f"{metric.fact.name} (better →)" if metric.fact.higher_is_better else f"(← better) {metric.fact.name}"
