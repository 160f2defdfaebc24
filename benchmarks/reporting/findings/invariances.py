"""Measured invariances of every method: changes of the problem that leave its update as it is, and other guarantees."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from balancers import Weighting, create, get
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.records.record import Cell
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.findings import probes
from benchmarks.reporting.findings.probes import EXACT, ROUNDED, LargestViolation, Unchanged
from benchmarks.reporting.words import listed, plural

YES, ON_AVERAGE, NO, FAILED = "yes", "on average", "no", "failed"
LONGEST = 80  # characters of a reason

UNITS, FACTOR, ORDER = "units of each loss", "common factor", "order of tasks"
COPY, CONSTANT, PRECISION = "task twice", "constant task", "float32"
AGAINST, ALL_STILL, SOME_STILL = "no loss up", "still, all tasks", "still, some tasks"

PROBES: Mapping[
    str, tuple[Callable[[Weighting], LargestViolation], float]
] = {  # with the largest violation that is none
    UNITS: (Unchanged(probes.in_own_units, direction=True), EXACT),
    FACTOR: (Unchanged(probes.in_other_units), EXACT),
    ORDER: (Unchanged(probes.reordered), EXACT),
    COPY: (Unchanged(probes.with_copy, direction=True), EXACT),
    CONSTANT: (Unchanged(probes.with_constant, direction=True), EXACT),
    PRECISION: (Unchanged(probes.in_single_precision, tolerance=ROUNDED), ROUNDED),
    AGAINST: (probes.never_against, EXACT),
    ALL_STILL: (probes.still(all_tasks=True), EXACT),
    SOME_STILL: (probes.still(all_tasks=False), EXACT),
}

TEXT = (
    "Measured on the shared update of each method with its default settings, in the first four steps on random "
    "problems of 2 and 5 tasks. Nothing is taken from papers."
)
LEGEND: Legend = (
    (UNITS, "the direction of the update stays the same if each loss is measured in its own unit"),
    (FACTOR, "the update stays the same, length included, if all losses are multiplied by one factor"),
    (ORDER, "the update stays the same if tasks change places"),
    (COPY, "the direction stays the same if one task is given twice"),
    (CONSTANT, "the direction stays the same if a task without gradient is added"),
    (PRECISION, "the update stays the same if gradients are rounded to single precision"),
    (AGAINST, "to first order, the update increases no loss"),
    (
        ALL_STILL,
        "the update is zero where a combination of all gradients with positive weights is zero, so that no step "
        "improves all tasks",
    ),
    (SOME_STILL, "the update is zero where such a combination of all but one gradient is zero"),
    (YES, "no violation"),
    (ON_AVERAGE, "no violation on average over the method's random draws"),
    (f"{NO} (v)", "the largest violation is v, relative to the update or to the terms of its sum"),
    (f"{FAILED}", "the method raised an error"),
    (formats.NONE, "the method is unknown to this version of the code"),
)


def block(results: Results) -> ReportBlock | None:
    """The invariances of every method; none for results without multi-task rows."""
    rows = best_first(results.aggregates)
    if not rows:
        return None
    by_row = {row: measured(_cell(results, row)) for row in rows}
    lines = [[row, *verdicts_of_row.values()] for row, verdicts_of_row in by_row.items()]
    table = (["method", *PROBES], lines)
    return ReportBlock("invariances", "Measured invariances", TEXT, table, tuple(_sentences(by_row)), LEGEND)


def _cell(results: Results, row: str) -> Cell:
    """A run of the row with its first settings, on the first suite that has one."""
    suites = [suite.name for suite in results.aggregates.suites]
    cells = [record.cell for record in results.trials if record.cell.row == row]
    return min(cells, key=lambda cell: (cell.trial, suites.index(cell.problem), cell.learning_rate))


def measured(cell: Cell) -> dict[str, str]:
    """The verdict of every probe on a cell's method, by column."""
    return _measured(cell.balancer, cell.balancer_version, json.dumps(cell.hyperparameters, sort_keys=True))


@lru_cache(maxsize=512)  # rows that differ in their heads alone share a method, and tables and page the verdicts
def _measured(name: str, version: int | str, hyperparameters: str) -> dict[str, str]:  # noqa: ARG001 - a key
    try:
        get(name)
    except ValueError:  # it came from a plug-in
        return dict.fromkeys(PROBES, formats.NONE)
    try:
        weighting = create(name, **json.loads(hyperparameters))
    except Exception as error:  # other code than this made the record
        return dict.fromkeys(PROBES, _failed(error))
    return verdicts(weighting)


def verdicts(weighting: Weighting) -> dict[str, str]:
    """The verdict of every probe on a method, by column."""
    return {column: _verdict(weighting, *probe) for column, probe in PROBES.items()}


def _verdict(weighting: Weighting, probe: Callable[[Weighting], LargestViolation], tolerance: float) -> str:
    try:
        violation = probe(weighting)
    except Exception as error:  # a method that raises fails the probe, whatever it raises
        return _failed(error)
    if violation.by_chance:
        return ON_AVERAGE
    if math.isnan(violation.size):
        return f"{NO} (not finite)"
    return YES if violation.size <= tolerance else f"{NO} ({violation.size:.2g})"


def _failed(error: Exception) -> str:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return f"{FAILED}: {reason if len(reason) <= LONGEST else reason[:LONGEST] + '…'}"


def _sentences(by_row: Mapping[str, Mapping[str, str]]) -> list[str]:
    starts = {
        UNITS: "The units of losses do not matter",
        AGAINST: "To first order no loss increases",
        ALL_STILL: "The update is zero where the gradients of all tasks cancel",
        COPY: "A task that is given twice counts once",
        ORDER: "The order of tasks matters, even on average",
    }
    sentences = []
    for column, start in starts.items():
        wanted = (NO,) if column == ORDER else (YES, ON_AVERAGE)
        rows = [row for row, verdict in by_row.items() if verdict[column].startswith(wanted)]
        sentences.append(f"{start}: {listed(rows)} ({len(rows)} of {plural(len(by_row), 'method')}).")
    failed = [row for row, verdict in by_row.items() if any(v.startswith(FAILED) for v in verdict.values())]
    return [*sentences, f"Some measurement failed: {listed(failed)}."] if failed else sentences
