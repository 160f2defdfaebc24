"""Charts of a results folder, each as SVG and PNG: ``draw(folder)`` writes them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.analysis import option_gains, option_series
from benchmarks.analysis.option_series import OptionSeries
from benchmarks.analysis.results import Results, read_results
from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.records.record import Record
from benchmarks.reporting.charts.colors import Styles, styles
from benchmarks.reporting.charts.comparison import draw_overview, draw_tasks
from benchmarks.reporting.charts.cost import draw_cost, draw_costs
from benchmarks.reporting.charts.curves import draw_cosines, draw_curves, draw_weights
from benchmarks.reporting.charts.fronts import draw_front
from benchmarks.reporting.charts.landscape import draw_landscape
from benchmarks.reporting.charts.options import draw_option_series
from benchmarks.reporting.charts.style import save
from benchmarks.reporting.charts.tasks import draw_test_metrics
from benchmarks.reporting.charts.transfer import draw_transfer
from benchmarks.reporting.findings import transfer
from benchmarks.reporting.suites import suite_of

TASKS, OVERVIEW, TRANSFER, COST = "tasks", "overview", "transfer", "cost"


def draw(folder: Path) -> list[Path]:
    """Draw all charts of the results in ``folder`` into ``folder/charts`` and return their paths.

    Raises:
        ValueError: the folder holds no record.
    """
    return draw_results(read_results(folder, titled=True), folder)


def draw_results(results: Results, folder: Path) -> list[Path]:
    """Draw all charts of the results into ``folder/charts`` and return their paths, SVG and PNG."""
    charts = folder / "charts"
    charts.mkdir(parents=True, exist_ok=True)
    return [path for name, figure in figures(results) for path in save(figure(), charts, name)]


def figures(results: Results) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The name of every chart of the results, and the function that draws it."""
    looks = styles(results.aggregates.rows)
    yield TASKS, lambda: draw_test_metrics(results)
    yield OVERVIEW, lambda: draw_overview(results.aggregates, looks)
    yield TRANSFER, lambda: draw_transfer(*transfer.matrix(results.aggregates))
    yield COST, lambda: draw_costs(results.aggregates, looks)
    for series in option_series.of(results):
        yield series.name, partial(_along, results, series, looks)
    for front in results.fronts():
        yield f"{front.suite}-front", partial(draw_front, front, looks)
    for suite in results.aggregates.suites:
        for kind, figure in _of_suite(suite, results.of(suite.name), looks):
            yield f"{suite.name}-{kind}", figure


def _along(results: Results, series: OptionSeries, looks: Styles) -> Figure:
    table = next(suite for suite in results.aggregates.suites if suite.name == series.points[0].table)
    metrics = {metric.task: metric.fact.name for metric in table.rows[0].primary}
    return draw_option_series(series, option_gains.along(results, series), metrics, looks)


def _of_suite(suite: SuiteSummary, records: list[Record], looks: Styles) -> Iterator[tuple[str, Callable[[], Figure]]]:
    yield "tasks", lambda: draw_tasks(suite, looks)
    yield "cost", lambda: draw_cost(suite, looks)
    yield "curves", lambda: draw_curves(suite, records, looks)
    yield "weights", lambda: draw_weights(suite, records, looks)
    yield "cosines", lambda: draw_cosines(suite, records, looks)
    drawn = suite_of(records[0])
    picture = drawn.landscape() if drawn else None
    if picture is not None:
        yield "trajectories", lambda: draw_landscape(suite, records, picture, looks)
