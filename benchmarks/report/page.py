"""The report as one HTML file that needs nothing else: style, script and charts are inside."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup

from benchmarks import answer, edges, gain_table, tables
from benchmarks.charts import OVERVIEW
from benchmarks.charts.style import styles
from benchmarks.study import Study, problem
from benchmarks.summaries import SuiteSummary

HERE = Path(__file__).parent
CAPTIONS = {
    "tasks": "Test result of every task: the mean, the interval where there are seeds enough, and the seeds as small "
    "dots. The dashed line is the single-task baseline, the band the range of its seeds.",
    "cost": "Δ taskwise against the time of a training step. Single-task needs one model per task; their times add up.",
    "trajectories": "Every run from its start (hollow) to its end (full) on the sum of the losses; dark is high.",
    "curves": "Training loss and validation metric: mean over seeds, with their range. A cross marks a run that broke.",
    "weights": "Share of every task in the sum of the weights. The grey line is the equal share.",
    "cosines": "Cosine between the gradients of two tasks at the shared parameters: median, and 10 to 90 % of pairs "
    "and seeds. Below 0 the tasks are in conflict.",
}


class Chart(NamedTuple):
    """A picture for the page."""

    title: str
    caption: str
    source: str  # a data address that holds the whole picture


class Section(NamedTuple):
    """What the page says about one suite."""

    name: str
    about: str
    setting: str
    head: list[str]
    lines: list[list[str]]
    failures: list[str]
    edges: list[str]  # rows whose search ended at the edge of what it tried
    charts: list[Chart]


def render(found: Study, name: str, charts: Sequence[Path]) -> str:
    """The page.

    Args:
        found: what to report.
        name: the name of the results folder, which is the protocol's.
        charts: the files of all charts, SVG and PNG; of each the smaller one is put into the page.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = _smallest(charts)
    aggregates = found.aggregates
    head, lines = tables.overall_cells(aggregates)
    gains, tested = gain_table.found(found)
    return environment.get_template("report.html.j2").render(
        name=name,
        answers=[*tested, *answer.sentences(aggregates)],
        gains=gains,
        gains_text=gain_table.EXPLANATION.replace("*", ""),
        reference=found.reference,
        front=gain_table.front_cells(found.fronts()),
        front_text=gain_table.FRONT,
        caution=answer.caution(aggregates),
        head=head,
        lines=lines,
        overview=_source(pictures[OVERVIEW]),
        sections=[_section(found, suite, pictures) for suite in aggregates.suites],
        colors={row: look.color for row, look in styles(aggregates.rows).items()},
        legend=tables.LEGEND,
        equal_weights=aggregates.equal_weights,
        skipped=found.skipped,
        set_aside=tables.set_aside_text(found.set_aside) if found.set_aside else "",
        protocol=found.protocol,
        protocol_name=tomllib.loads(found.protocol).get("name", name),
        environment=found.environment,
        finished=max(record.finished for record in found.records),
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "report.js").read_text(encoding="utf-8")),
    )


def _section(found: Study, suite: SuiteSummary, pictures: dict[str, Path]) -> Section:
    head, lines = tables.suite_cells(suite)
    about = problem(found.of(suite.name)[0])
    charts = [
        Chart(f"{suite.name}: {kind}", caption, _source(pictures[f"{suite.name}-{kind}"]))
        for kind, caption in CAPTIONS.items()
        if f"{suite.name}-{kind}" in pictures
    ]
    return Section(
        name=suite.name,
        about=about.summary if about else "",
        setting=_setting(found, suite.name, is_plane=about is not None and about.landscape() is not None),
        head=head,
        lines=lines,
        failures=tables.failure_texts(suite.failures),
        edges=edges.texts(found.records, found.trials, suite.name),
        charts=charts,
    )


def _setting(found: Study, suite: str, *, is_plane: bool) -> str:
    cell = found.of(suite)[0].cell
    budget = f"{cell.steps} steps" if cell.steps is not None else f"{cell.epochs} epochs"
    seeds = len({record.cell.seed for record in found.of(suite)})
    return (
        f"Version {cell.suite_version}; {budget}, batch size {cell.batch_size}, {cell.optimizer}, {cell.precision}; "
        f"{seeds} seed{'s' if seeds > 1 else ''}{', each another starting point' if is_plane else ''}."
    )


def _smallest(charts: Sequence[Path]) -> dict[str, Path]:
    """The smaller file of every chart, by name."""
    found: dict[str, Path] = {}
    for path in sorted(charts, key=lambda path: path.stat().st_size, reverse=True):
        found[path.stem] = path
    return found


def _source(path: Path) -> str:
    kind = "svg+xml" if path.suffix == ".svg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
