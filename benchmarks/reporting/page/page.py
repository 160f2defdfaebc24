"""The report as one HTML file that needs nothing else: style, scripts, data and charts are inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from benchmarks.analysis import option_series
from benchmarks.analysis.results import Results
from benchmarks.reporting import charts, gain_table, headline, leaderboard
from benchmarks.reporting.blocks import ReportBlock
from benchmarks.reporting.caveats import limits
from benchmarks.reporting.charts.colors import styles
from benchmarks.reporting.findings import options
from benchmarks.reporting.legend import BASIS, legend
from benchmarks.reporting.page import explorer, pictures
from benchmarks.reporting.page.pictures import Picture
from benchmarks.reporting.page.suite_sections import beating, sections

TEMPLATES = Path(__file__).parent / "templates"
FIRST = 2  # sentences of the answer in large letters
SHOWN = 4  # more of them; the others are folded


def render(results: Results, name: str, drawn: Sequence[Path], findings: Sequence[ReportBlock]) -> str:
    """The page.

    Args:
        results: of the folder.
        name: the name of the results folder, which is the protocol's.
        drawn: the files of all charts, SVG and PNG; of each the smaller one is put into the page.
        findings: how reliable the results are.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    files = pictures.smallest(drawn)
    aggregates, gains = results.aggregates, results.gains()
    sentences = [*gain_table.tested(results), *headline.sentences(aggregates)]
    return environment.get_template("report.html.j2").render(
        name=name,
        first=" ".join(sentences[:FIRST]),
        answers=sentences[FIRST : FIRST + SHOWN],
        more=sentences[FIRST + SHOWN :],
        caution=headline.caution(aggregates, tuned=results.tuned_weights is not None),
        leaderboard=leaderboard.overall_cells(aggregates),
        beats=beating(gains, results.reference),
        reference=results.reference,
        comparisons=gain_table.blocks(results),
        tasks=pictures.picture(files[charts.TASKS], "Test metrics of tasks", pictures.TASKS),
        overview=pictures.picture(files[charts.OVERVIEW], "Δ of every method on every suite", pictures.OVERVIEW),
        transfer=pictures.picture(files[charts.TRANSFER], "Map of every task against single-task", pictures.TRANSFER),
        cost=pictures.picture(files[charts.COST], "Mean Δ against cost", pictures.COST),
        front=gain_table.front_cells(results.fronts()),
        front_text=gain_table.FRONT_TEXT,
        front_title=gain_table.FRONT_TITLE,
        front_legend=gain_table.FRONT_LEGEND,
        options=_options(results, files),
        sections=sections(results, gains, files),
        findings=findings,
        colors={row: look.color for row, look in styles(aggregates.rows).items()},
        legend=legend(aggregates.equal_weights),
        basis=BASIS,
        skipped=results.skipped,
        limits=limits(results),
        asked=results.asked,
        protocol_text=results.protocol_text,
        environment=results.environment,
        finished=max(record.finished for record in results.records),
        style=_file("report.css"),
        script=Markup("\n").join([_file("tables.js"), _file("charts.js")]),
        library=explorer.library(),
        data=explorer.packed(explorer.compact(explorer.data(results))),
    )


def _options(results: Results, files: Mapping[str, Path]) -> list[tuple[ReportBlock, Picture]]:
    """The effect of each option that several tables of a suite vary, with its chart."""
    return [
        (block := options.block(results, series), pictures.picture(files[series.name], block.title, pictures.OPTION))
        for series in option_series.of(results)
    ]


def _file(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
