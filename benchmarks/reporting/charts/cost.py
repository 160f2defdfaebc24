"""Charts of accuracy against cost: Δ of every method against the time of its training step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.analysis.statistics import Estimate, estimate, geometric_mean, nondominated
from benchmarks.analysis.summaries import Aggregates, Overall, RowSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting.charts import labels, style
from benchmarks.reporting.charts.colors import INK, Styles

COST_TICKS = (0.25, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)
MOST_WITH_SEEDS = 12  # rows: the seeds of more are a cloud
EMPTY = "no method has both a cost and a Δ: equal weights,\nsingle-task or a finished run is missing"


class CostPoint(NamedTuple):
    """The time of a row's step relative to equal weights, and its Δ taskwise in percent."""

    row: str
    cost: float
    delta: float
    seeds: Estimate  # of Δ on one suite; empty over several, and for the baselines


def on_suite(suite: SuiteSummary) -> list[CostPoint]:
    """The rows of a suite that have both a cost and a Δ."""
    return _known([CostPoint(row.row, row.cost, _delta(row), row.delta_taskwise) for row in suite.rows])


def over_suites(aggregates: Aggregates) -> list[CostPoint]:
    """The rows that have both on every suite: geometric mean of costs, mean of Δ; the baselines first."""
    single = [summary for suite in aggregates.suites if (summary := suite.row(SINGLE_TASK)) is not None]
    complete = len(single) == len(aggregates.suites)
    if complete:
        delta = float(np.mean([_delta(row) for row in single]))
        baseline = [CostPoint(SINGLE_TASK, geometric_mean(row.cost for row in single), delta, estimate(()))]
    else:
        baseline = []
    return _known([*baseline, *map(_overall, aggregates.overall)])


def efficient(places: Sequence[CostPoint]) -> list[str]:
    """The rows that no other row beats in both cost and Δ."""
    if not places:
        return []
    kept = nondominated([[-place.cost, place.delta] for place in places])
    return [place.row for place, keep in zip(places, kept, strict=True) if keep]


@style.styled
def draw_cost(suite: SuiteSummary, looks: Styles) -> Figure:
    """Δ taskwise against the time of a step relative to equal weights on one suite; up and left is better."""
    return _draw(on_suite(suite), f"{suite.name}: Δ against cost", looks)


@style.styled
def draw_costs(aggregates: Aggregates, looks: Styles) -> Figure:
    """The same over all suites: mean Δ against the geometric mean of costs."""
    return _draw(over_suites(aggregates), "Mean Δ over all suites against cost", looks)


def _overall(row: Overall) -> CostPoint:
    return CostPoint(row.row, row.cost, row.delta_taskwise.mean, row.delta_taskwise)


def _known(places: Sequence[CostPoint]) -> list[CostPoint]:
    return [place for place in places if math.isfinite(place.cost) and math.isfinite(place.delta)]


def _delta(row: RowSummary) -> float:
    """Δ taskwise; 0 for the baselines, its reference."""
    return 0.0 if row.row == SINGLE_TASK and row.done else row.delta_taskwise.mean


def _draw(places: Sequence[CostPoint], title: str, looks: Styles) -> Figure:
    figure, (axes,) = style.panels(1, max(3.0, 0.16 * len(places) + 1.0), title, columns=1)
    axes.set(xlabel="time of a training step relative to equal weights", ylabel="Δ taskwise against single-task, %")
    if not places:
        style.say(axes, EMPTY)
        return figure
    seeds = {place.row: place.seeds.values if len(places) <= MOST_WITH_SEEDS else () for place in places}
    low, high = style.reach([value for place in places for value in (place.delta, *seeds[place.row])], [0.0])
    for place in places:
        look, at = looks[place.row], float(np.clip(place.delta, low, high))
        for seed in seeds[place.row]:
            axes.scatter([place.cost], [seed], s=9, color=look.color, alpha=0.4, lw=0)
        axes.scatter(
            [place.cost], [at], s=46, color=look.color, marker=look.marker, edgecolor="white", lw=0.8, zorder=3
        )
    axes.axhline(0, color=INK, linestyle=looks[SINGLE_TASK].dash, linewidth=1.0)
    axes.set_ylim(low, high)
    _cost_axis(axes, [place.cost for place in places])
    style.few_ticks(axes, y=6)
    ends = [(place.cost, float(np.clip(place.delta, low, high))) for place in places]
    labels.column(figure, axes, ends, [(place.row, looks[place.row].color) for place in places])
    return figure


def _cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(costs) / 1.25, max(costs) * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(COST_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
