"""Charts of results: every task against the single-task line, Δ per suite, and Δ against cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.charts import labels, style
from benchmarks.charts.style import FAINT, INK, Styles
from benchmarks.records import SINGLE_TASK
from benchmarks.statistics import Estimate
from benchmarks.summaries import Aggregates, MetricSummary, RowSummary, SuiteSummary

ROW_HEIGHT = 0.21  # inches
HEADER = 0.75  # inches of a panel for its title and axis
SEED_OFFSET = 0.24  # seeds lie so far below the mean, in rows
COST_TICKS = (0.25, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)


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
    """Δ taskwise of every row on every suite, with seeds; single-task is the line at 0."""
    rows = [row for row in aggregates.rows if row != SINGLE_TASK]
    height = HEADER + ROW_HEIGHT * max(len(rows), 2)
    title = "Δ against one model per task (dashed), right is better"
    figure, axes = style.panels(len(aggregates.suites), height, title, share_y=True)
    for panel, suite in zip(axes, aggregates.suites, strict=True):
        found = [suite.row(row) for row in rows]
        results = [row.delta_taskwise if row else None for row in found]
        if any(result and math.isfinite(result.mean) for result in results):
            panel.axvline(0, color=INK, linestyle=looks[SINGLE_TASK].dash, linewidth=1.2)
            _dots(panel, rows, results, looks)
        else:
            style.say(panel, "no Δ: a single-task baseline\nor a finished run is missing")
        seeds = suite.rows[0].total
        panel.set(title=suite.name, xlabel=f"Δ %, {seeds} seed{'s' if seeds > 1 else ''}")
    return figure


@style.styled
def draw_cost(suite: SuiteSummary, looks: Styles) -> Figure:
    """Δ taskwise against the time of a step relative to equal weights; up and left is better."""
    shown = [row for row in suite.rows if math.isfinite(row.cost) and _finite_delta(row)]
    height = max(3.0, 0.16 * len(shown) + 1.0)
    figure, (axes,) = style.panels(1, height, f"{suite.name}: Δ against cost", columns=1)
    axes.set(xlabel="time of a training step, equal weights = 1", ylabel="Δ taskwise against single-task, %")
    if not shown:
        style.say(axes, "no row has both a cost and a Δ: equal weights,\nsingle-task or a finished run is missing")
        return figure
    figure.set_layout_engine("constrained", rect=(0, 0, 0.8, 1))  # the rest is for the labels
    for row in shown:
        look, y = looks[row.row], _delta(row)
        axes.scatter([row.cost] * len(row.deltas), list(row.deltas.values()), s=9, color=look.color, alpha=0.4, lw=0)
        axes.scatter([row.cost], [y], s=46, color=look.color, marker=look.marker, edgecolor="white", lw=0.8, zorder=3)
    axes.axhline(0, color=INK, linestyle=looks[SINGLE_TASK].dash, linewidth=1.0)
    _cost_axis(axes, [row.cost for row in shown])
    style.few_ticks(axes, y=6)
    figure.draw_without_rendering()  # the layout places the axes; labels need their final limits
    ends = [(row.cost, _delta(row)) for row in shown]
    labels.beside(axes, ends, [row.row for row in shown], [looks[row.row].color for row in shown])
    return figure


def _finite_delta(row: RowSummary) -> bool:
    return math.isfinite(_delta(row))


def _delta(row: RowSummary) -> float:
    """Δ taskwise; 0 for the baselines, which are what it is measured from."""
    return 0.0 if row.row == SINGLE_TASK and row.done else row.delta_taskwise.mean


def _cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(costs) / 1.25, max(costs) * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(COST_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))


def _baseline(axes: Axes, single: Estimate | None) -> None:
    """The single-task mean as a line, and the range of its seeds as a band."""
    if single is None or not single.count:
        return
    axes.axvspan(min(single.values), max(single.values), color="#000000", alpha=0.07, lw=0)
    axes.axvline(single.mean, color=INK, linestyle=(0, (2, 1.5)), linewidth=1.2)


def _dots(axes: Axes, rows: Sequence[str], results: Sequence[Estimate | None], looks: Styles) -> None:
    """One line per row from top to bottom: the mean, its interval if there is one, and the seeds below it."""
    for y, (row, result) in enumerate(zip(rows, results, strict=True)):
        look = looks[row]
        if result is None or not math.isfinite(result.mean):
            axes.text(0.02, y, "no result", transform=axes.get_yaxis_transform(), color=FAINT, fontsize=8, va="center")
            continue
        if result.count > 1:
            axes.scatter(result.values, [y + SEED_OFFSET] * result.count, s=8, color=look.color, alpha=0.55, lw=0)
        if result.has_interval:
            axes.plot([result.low, result.high], [y, y], color=look.color, lw=2.2, alpha=0.55, solid_capstyle="butt")
        axes.scatter([result.mean], [y], s=34, color=look.color, marker=look.marker, zorder=3)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    style.few_ticks(axes, y=None)


def _direction(metric: MetricSummary) -> str:
    return f"{metric.fact.name} (better →)" if metric.fact.higher_is_better else f"(← better) {metric.fact.name}"
