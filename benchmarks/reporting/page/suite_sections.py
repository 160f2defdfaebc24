"""The sections of the page, one for each suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.analysis.comparison import Gain
from benchmarks.analysis.results import Results
from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.reporting import leaderboard, search_edges
from benchmarks.reporting.blocks import Cells
from benchmarks.reporting.charts.curves import MOST
from benchmarks.reporting.page import pictures
from benchmarks.reporting.page.pictures import Picture
from benchmarks.reporting.suites import suite_of
from benchmarks.reporting.words import listed


class Section(NamedTuple):
    """The content of one suite's section."""

    name: str
    anchor: str  # its place on the page
    about: str
    setting: str
    table: Cells
    beats: list[str]  # the reference, and the methods that are better
    failures: list[str]
    edges: list[str]  # methods whose search ended at the edge of its range
    results: list[Picture]
    fronts: list[Picture]
    training: list[Picture]
    open: bool  # whether pictures are shown at once


def sections(results: Results, gains: Sequence[Gain], files: Mapping[str, Path]) -> list[Section]:
    """One section per suite; ``files`` holds the charts by name."""
    return [_section(results, suite, gains, files) for suite in results.aggregates.suites]


def beating(gains: Sequence[Gain], reference: str, suite: str | None = None) -> list[str]:
    """The reference and the methods with a gain over it, on one suite or over all; empty without any gains."""
    if not gains:
        return []
    if suite is None:
        return [reference, *(gain.row for gain in gains if gain.overall.mean > 0)]
    means = [(gain.row, gain.by_suite[suite].estimate.mean) for gain in gains if suite in gain.by_suite]
    return [reference, *(row for row, mean in means if mean > 0)]


def _section(results: Results, suite: SuiteSummary, gains: Sequence[Gain], files: Mapping[str, Path]) -> Section:
    record = results.of(suite.name)[0]
    registered, asked = suite_of(record), results.asked.suites.get(record.cell.table)
    return Section(
        name=suite.name,
        anchor="suite-" + "".join(letter if letter.isalnum() else "-" for letter in suite.name),
        about=asked.summary if asked else registered.summary if registered else "",
        setting=_setting(results, suite.name, is_plane=registered is not None and registered.landscape() is not None),
        table=leaderboard.suite_cells(suite),
        beats=beating(gains, results.reference, suite.name),
        failures=leaderboard.failure_texts(suite.failures),
        edges=search_edges.texts(results.searches, suite.name),
        results=pictures.of_suite(suite.name, pictures.RESULTS, files),
        fronts=pictures.of_suite(suite.name, pictures.FRONT, files),
        training=pictures.of_suite(suite.name, pictures.TRAINING, files),
        open=len(suite.rows) <= MOST,
    )


def _setting(results: Results, suite: str, *, is_plane: bool) -> str:
    cell = results.of(suite)[0].cell
    budget = f"{cell.steps} steps" if cell.steps is not None else f"{cell.epochs} epochs"
    if cell.halve_at:
        epochs = "epoch" if len(cell.halve_at) == 1 else "epochs"
        budget += f", learning rate halved after {epochs} {listed([str(epoch) for epoch in cell.halve_at])}"
    seeds = len({record.cell.repetition for record in results.of(suite)})
    return (
        f"Version {cell.suite_version}; {budget}, batch size {cell.batch_size}, {cell.optimizer}, {cell.precision}; "
        f"{seeds} seed{'s' if seeds > 1 else ''}{', each another starting point' if is_plane else ''}."
    )
