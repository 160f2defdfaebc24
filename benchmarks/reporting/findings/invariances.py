"""Invariances of every row's method, measured: what its update does not depend on, and what it never does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from balancers import Weighting, create, get
from benchmarks.analysis.results import Results
from benchmarks.records.record import Cell
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.reporting.findings import probes
from benchmarks.reporting.findings.probes import EXACT, ROUNDED, Unchanged, Violation
from benchmarks.words import listed, methods, plural

YES, ON_AVERAGE, NO, FAILED = "yes", "on average", "no", "failed"
LONGEST = 80  # characters of a reason

UNITS, FACTOR, ORDER = "units of each loss", "common factor", "order of tasks"
COPY, CONSTANT, PRECISION = "task twice", "constant task", "float32"
AGAINST, ALL_STILL, SOME_STILL = "no loss up", "still, all tasks", "still, some tasks"

PROBES: Mapping[str, tuple[Callable[[Weighting], Violation], float]] = {  # with the largest violation that is none
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
    "problems of 2 and 5 tasks; nothing is taken from papers. The direction of the update stays the same if each loss "
    f"is measured in a unit of its own (*{UNITS}*), if one task is there twice (*{COPY}*), if a task without gradient "
    f"is added (*{CONSTANT}*). The update stays the same, length included, if all losses are multiplied by one factor "
    f"(*{FACTOR}*), if tasks change places (*{ORDER}*), if gradients are rounded to single precision (*{PRECISION}*). "
    f"To first order it increases no loss (*{AGAINST}*). It vanishes where a combination of all gradients with "
    f"positive weights is zero (*{ALL_STILL}*), or one of all but one (*{SOME_STILL}*): points that no step can "
    "improve for all tasks. In brackets the largest violation, relative to the update or to the terms that it is the "
    "sum of. *On average*: only over the method's random draws. A dash: the method is not known here."
)


def block(study: Results) -> Block | None:
    """The invariances of every row's method; none for a study without multi-task rows."""
    rows = methods(study.aggregates)
    if not rows:
        return None
    found = {row: measured(_cell(study, row)) for row in rows}
    lines = [[row, *verdicts.values()] for row, verdicts in found.items()]
    said = tuple(_sentences(found))
    return Block("invariances", "Invariances, measured", TEXT, (["row", *PROBES], lines), said)


def _cell(study: Results, row: str) -> Cell:
    """A run of the row with the settings that are tried first, on the first suite that has one."""
    places = [suite.name for suite in study.aggregates.suites]
    cells = [record.cell for record in study.trials if record.cell.row == row]
    return min(cells, key=lambda cell: (cell.trial, places.index(cell.problem), cell.learning_rate))


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


def _verdict(weighting: Weighting, probe: Callable[[Weighting], Violation], tolerance: float) -> str:
    try:
        found = probe(weighting)
    except Exception as error:  # a method that raises fails the probe, whatever it raises
        return _failed(error)
    if found.by_chance:
        return ON_AVERAGE
    if math.isnan(found.size):
        return f"{NO} (not finite)"
    return YES if found.size <= tolerance else f"{NO} ({found.size:.2g})"


def _failed(error: Exception) -> str:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return f"{FAILED}: {reason if len(reason) <= LONGEST else reason[:LONGEST] + '…'}"


def _sentences(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    words = {
        UNITS: "The units of losses do not matter",
        AGAINST: "To first order no loss ever increases",
        ALL_STILL: "The update vanishes where gradients of all tasks cancel",
        COPY: "A task that is there twice counts once",
        ORDER: "The order of tasks matters, even on average",
    }
    said = []
    for column, start in words.items():
        wanted = (NO,) if column == ORDER else (YES, ON_AVERAGE)
        rows = [row for row, verdict in found.items() if verdict[column].startswith(wanted)]
        said.append(f"{start}: {listed(rows)} ({len(rows)} of {plural(len(found), 'row')}).")
    failed = [row for row, verdict in found.items() if any(v.startswith(FAILED) for v in verdict.values())]
    return [*said, f"Could not be measured throughout: {listed(failed)}."] if failed else said
