"""Measure every suite that a results folder has records of, and write tables, chart and page."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console

from benchmarks.analysis.results import read_results
from benchmarks.records.record import Cell, Record
from benchmarks.records.store import write_atomically
from benchmarks.records.versions import version_of
from benchmarks.reporting.charts.style import save as save_chart
from benchmarks.studies.efficiency import chart, table
from benchmarks.studies.efficiency.measure import Seconds, inference, parameters, step_seconds, training
from benchmarks.studies.efficiency.results import UNKNOWN, EfficiencyResults, of_methods, of_suite
from benchmarks.studies.progress import StudyProgress
from benchmarks.studies.results import Origin
from benchmarks.training.machine.environment import describe
from tasks import registry
from tasks.base import DataUnavailableError, Split, Suite

PAGE, CHART = "efficiency.md", "efficiency"
BATCH = 64
NOTHING_NEW = "there are no examples that training does not see, so that a model has nothing to predict"
QUIET = Console(quiet=True)


def run(source: Path, folder: Path, seconds: float, data: Path | None = None, console: Console = QUIET) -> Path:
    """Measure the suites with records in ``source``, write to ``folder``, and return the path of the page.

    Args:
        source: a results folder.
        folder: where to write.
        seconds: about how long each of three things is timed on every suite: steps, and inference of either batch.
        data: a folder to look for data in first.
        console: where to show the progress.

    Raises:
        ValueError: there are no records, no suite can be measured, or the folder cannot be written.
    """
    records = read_results(source, titled=True)
    equal = records.aggregates.equal_weights
    results = EfficiencyResults([], [])
    with StudyProgress("suites", len(records.aggregates.suites), console) as progress:
        for suite in records.aggregates.suites:
            measured = _measure(records.of(suite.name), equal, seconds, data)
            results = EfficiencyResults([*results.suites, *measured.suites], [*results.methods, *measured.methods])
            progress.advance(suite.name)
    if all(suite.shared is None for suite in results.suites):
        reasons = "; ".join(f"{suite.suite}: {suite.reason}" for suite in results.suites)
        raise ValueError(f"nothing in {source} can be measured, and nothing is written: {reasons}")
    results.save(folder)
    command = f"python -m benchmarks efficiency {source.name if source.is_absolute() else source}"
    Origin(command, describe(torch.device("cpu")) | {"threads": "1"}).save(folder)
    return report(folder)


def report(folder: Path) -> Path:
    """Write page and chart from the tables in a folder, and return the path of the page.

    Raises:
        ValueError: the folder has no such tables.
    """
    results = EfficiencyResults.load(folder)
    write_atomically(folder / PAGE, table.as_markdown(results, Origin.load(folder)))
    save_chart(chart.draw(results.suites), folder, CHART)
    return folder / PAGE


def _measure(records: list[Record], equal: str, seconds: float, data: Path | None) -> EfficiencyResults:
    """The rows of one suite; where its data are missing, the reason is in them."""
    cell = max((record.cell for record in records), key=lambda cell: len(cell.tasks))
    alone = {record.cell.tasks[0] for record in records if len(record.cell.tasks) == 1}
    name, tasks = cell.problem, max(len(cell.tasks), len(alone))
    if cell.precision != "float32":
        reason = "its runs are in bfloat16, and steps are timed in float32"
        return EfficiencyResults([of_suite(name, tasks, reason=reason)], [])
    try:
        suite = _suite(cell)
        splits = suite.load(data)
    except (DataUnavailableError, ValueError) as error:
        return EfficiencyResults([of_suite(name, tasks, reason=str(error))], [])
    trained = training(records, equal, step_seconds(suite, splits.train, cell, seconds))
    counted = (name, len(suite.tasks), parameters(suite), trained.get(equal, UNKNOWN))
    methods = of_methods(name, trained)
    if not suite.generalises:
        return EfficiencyResults([of_suite(*counted, reason=NOTHING_NEW)], methods)
    batch = min(BATCH, len(splits.test))
    one, many = (_timed(suite, splits.test, size, seconds) for size in (1, batch))
    return EfficiencyResults([of_suite(*counted, (one, batch, many))], methods)


def _timed(suite: Suite, test: Split, size: int, seconds: float) -> Seconds:
    return inference(suite, test.take(slice(0, size)).inputs, seconds)


def _suite(cell: Cell) -> Suite:
    """The suite of a cell as it is today.

    Raises:
        ValueError: it is not known here, or has another version.
    """
    if cell.suite not in registry.names():
        raise ValueError("the suite is not known here; one of your own needs --plugin FILE")
    suite = registry.create(cell.suite, **cell.suite_options)
    if version_of(suite) != cell.suite_version:
        raise ValueError(f"the records are of version {cell.suite_version}, and the suite is now {version_of(suite)}")
    return suite
