"""Measure every suite that a results folder has records of, and write tables, chart and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from benchmarks.analysis.results import read_results
from benchmarks.records.record import Cell, Record
from benchmarks.records.store import write_atomically
from benchmarks.records.versions import version_of
from benchmarks.reporting.charts.style import save as save_chart
from benchmarks.studies.efficiency import chart, results, table
from benchmarks.studies.efficiency.measure import Seconds, inference, parameters, step_seconds, training
from benchmarks.studies.efficiency.results import UNKNOWN, Found
from benchmarks.training.machine.environment import describe
from tasks import registry
from tasks.base import DataUnavailableError, Split, Suite

TABLE, MACHINE, CHART = "efficiency.md", "environment.json", "efficiency"
BATCH = 64
NOTHING_NEW = "there are no examples that training does not see, so that a model has nothing to predict"


def run(source: Path, folder: Path, seconds: float, data: Path | None = None) -> Path:
    """Measure the suites with records in ``source``, write to ``folder``, and return the path of the tables.

    Args:
        source: a results folder.
        folder: where to write.
        seconds: about how long each of three things is timed on every suite: steps, and inference of either batch.
        data: a folder to look for data in first.

    Raises:
        ValueError: there are no records, no suite can be measured, or the folder cannot be written.
    """
    study = read_results(source)
    equal = study.aggregates.equal_weights
    found = [_measure(study.of(suite.name), equal, seconds, data) for suite in study.aggregates.suites]
    if all(each.parameters is None for each in found):
        reasons = "; ".join(f"{each.suite}: {each.reason}" for each in found)
        raise ValueError(f"nothing in {source} can be measured, and nothing is written: {reasons}")
    machine = describe(torch.device("cpu")) | {"threads": "1"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        results.save(found, folder)
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written ({error.strerror}); choose another folder with --results"
        ) from error
    write_atomically(folder / MACHINE, json.dumps(machine, indent=2) + "\n")
    command = f"python -m benchmarks efficiency {source.name if source.is_absolute() else source}"
    write_atomically(folder / TABLE, table.as_markdown(found, command, machine))
    save_chart(chart.draw(found), folder, CHART)
    return folder / TABLE


def _measure(records: list[Record], equal: str, seconds: float, data: Path | None) -> Found:
    """All that can be known of one suite; what fails for want of data is told."""
    cell = max((record.cell for record in records), key=lambda cell: len(cell.tasks))
    alone = {record.cell.tasks[0] for record in records if len(record.cell.tasks) == 1}
    tasks = max(len(cell.tasks), len(alone))
    nothing = Found(cell.problem, tasks, None, {}, equal, UNKNOWN, 0, UNKNOWN)
    if cell.precision != "float32":
        return nothing._replace(reason="its runs are in bfloat16, and steps are timed in float32")
    try:
        suite = _suite(cell)
        splits = suite.load(data)
    except (DataUnavailableError, ValueError) as error:
        return nothing._replace(reason=str(error))
    step = step_seconds(suite, splits.train, cell, seconds)
    trained = training(records, equal, step)
    counted = nothing._replace(tasks=len(suite.tasks), parameters=parameters(suite), training=trained)
    test = splits.test
    if not suite.generalises:
        return counted._replace(reason=NOTHING_NEW)
    batch = min(BATCH, len(test))
    one, many = (_timed(suite, test, size, seconds) for size in (1, batch))
    return counted._replace(one=one, batch=batch, many=many)


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
