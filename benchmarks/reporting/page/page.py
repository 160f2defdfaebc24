"""The report as one HTML file that needs nothing else: style, scripts, data and charts are inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from benchmarks.analysis import option_series
from benchmarks.analysis.results import Results
from benchmarks.reporting import charts, gain_table, headline, leaderboard
from benchmarks.reporting.blocks import Block
from benchmarks.reporting.caveats import limits
from benchmarks.reporting.charts.style import styles
from benchmarks.reporting.findings import options
from benchmarks.reporting.page import explorer, pictures
from benchmarks.reporting.page.pictures import Picture
from benchmarks.reporting.page.sections import beating, sections

HERE = Path(__file__).parent
FIRST = 2  # sentences of the answer in large letters
SHOWN = 4  # more of them; the others are there on request


def render(found: Results, name: str, drawn: Sequence[Path], findings: Sequence[Block]) -> str:
    """The page.

    Args:
        found: what to report.
        name: the name of the results folder, which is the protocol's.
        drawn: the files of all charts, SVG and PNG; of each the smaller one is put into the page.
        findings: what is known about how far the results can be trusted.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    files = pictures.smallest(drawn)
    aggregates, gains = found.aggregates, found.gains()
    said = [*gain_table.tested(found), *headline.sentences(aggregates)]
    return environment.get_template("report.html.j2").render(
        name=name,
        first=" ".join(said[:FIRST]),
        answers=said[FIRST : FIRST + SHOWN],
        more=said[FIRST + SHOWN :],
        caution=headline.caution(aggregates, tuned=found.tuned_weights is not None),
        leaderboard=leaderboard.overall_cells(aggregates),
        beats=beating(gains, found.reference),
        reference=found.reference,
        comparisons=gain_table.blocks(found),
        overview=pictures.picture(files[charts.OVERVIEW], "Δ of every method on every suite", pictures.OVERVIEW),
        transfer=pictures.picture(files[charts.TRANSFER], "Map of every task against alone", pictures.TRANSFER),
        cost=pictures.picture(files[charts.COST], "Mean Δ against cost", pictures.COST),
        front=gain_table.front_cells(found.fronts()),
        front_text=gain_table.FRONT,
        options=_options(found, files),
        sections=sections(found, gains, files),
        findings=findings,
        colors={row: look.color for row, look in styles(aggregates.rows).items()},
        legend=leaderboard.LEGEND,
        equal_weights=aggregates.equal_weights,
        skipped=found.skipped,
        limits=limits(found),
        asked=found.asked,
        protocol_text=found.protocol_text,
        environment=found.environment,
        finished=max(record.finished for record in found.records),
        style=_file("report.css"),
        script=Markup("\n").join([_file("tables.js"), _file("charts.js")]),
        library=explorer.library(),
        data=explorer.packed(explorer.compact(explorer.data(found))),
    )


def _options(found: Results, files: Mapping[str, Path]) -> list[tuple[Block, Picture]]:
    """What each option changes that several tables of a suite vary, with its chart."""
    return [
        (block := options.block(found, series), pictures.picture(files[series.name], block.title, pictures.OPTION))
        for series in option_series.of(found)
    ]


def _file(name: str) -> Markup:
    return Markup((HERE / name).read_text(encoding="utf-8"))
