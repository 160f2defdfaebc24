"""Commands on results: compare, merge, reproduce, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from benchmarks.cli.options import (
    EXIT_FAILED,
    Data,
    Device,
    Plugins,
    ResultsFolder,
    app,
    explained,
    load_plugins,
    out,
    plain_errors,
)

if TYPE_CHECKING:
    from benchmarks.reporting.blocks import Legend, ReportBlock

AGREE = 0.02  # training amplifies rounding; metrics differed by up to 1.6 % on another machine


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Results folders of one protocol.")],
    into: Annotated[Path, typer.Option(help="Results folder to write their records to.")],
) -> None:
    """Merge the records of several results folders into one; a later run into it trains only missing cells."""
    with plain_errors():
        from benchmarks.records import store  # noqa: PLC0415

        count = store.merge([explained(folder) for folder in folders], explained(into))
        out.print(f"Records: {count} new in {into}", soft_wrap=True, highlight=False)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A method of the results, or a results folder.")],
    second: Annotated[str, typer.Argument(help="The reference: another method, or another folder.")],
    results: Annotated[Path, typer.Option(help="Results folder of the two methods.")] = Path("results/quick"),
) -> None:
    """Compare two methods of one results folder, or two folders of one protocol, seed by seed."""
    with plain_errors():
        from benchmarks.analysis.results import read_results  # noqa: PLC0415
        from benchmarks.records.asked import read_asked  # noqa: PLC0415
        from benchmarks.reporting import versus  # noqa: PLC0415

        if Path(first).is_dir() and Path(second).is_dir():
            blocks = versus.folders(*(read_results(explained(Path(folder)), titled=True) for folder in (first, second)))
        elif any("/" in name or Path(name).is_dir() for name in (first, second)):
            raise ValueError(f"{first} and {second} are not two results folders; name two of them, or two methods")
        else:
            titled = read_results(explained(results), titled=True)
            title = read_asked(results).title
            methods = (name if name in titled.aggregates.rows else title(name) for name in (first, second))
            blocks = [versus.methods(titled, *methods)]
        for block in blocks:
            _show(block)
        out.print(blocks[-1].text, style="dim", highlight=False)
        out.print(_legend(blocks[-1].legend))


@app.command()
def reproduce(
    record: Annotated[str, typer.Argument(help="File of a record, or its id, or the first letters of its id.")],
    results: Annotated[Path | None, typer.Option(help="Results folder or archive that holds the id.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest relative difference of metrics that counts as agreement.")
    ] = AGREE,
    device: Device = "auto",
    data: Data = None,
    plugin: Plugins = None,
) -> None:
    """Train one cell again and compare it with its record. Exits with 1 if they do not agree."""
    with plain_errors():
        from benchmarks.running.progress import title  # noqa: PLC0415
        from benchmarks.running.reproduce import find, reproduce  # noqa: PLC0415
        from benchmarks.training.machine import devices  # noqa: PLC0415

        load_plugins(plugin)
        original = find(record, results)
        out.print(f"Again: {title(original.cell)}", highlight=False, soft_wrap=True)
        done = reproduce(original, str(devices.choose(device)), data)
        agrees = done.agrees(tolerance)
        for line in done.sentences(tolerance):
            out.print(line, style=None if agrees else "red", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if agrees else EXIT_FAILED)


@app.command()
def export(
    folder: ResultsFolder,
    into: Annotated[Path, typer.Argument(help="File to write; its ending .csv, .parquet or .tex is the format.")],
    suite: Annotated[str | None, typer.Option(help="Only this suite.")] = None,
) -> None:
    """Write every run as CSV or Parquet, or the leaderboard as LaTeX tables for a paper."""
    with plain_errors():
        from benchmarks.analysis.results import read_results  # noqa: PLC0415
        from benchmarks.reporting import export as exporting  # noqa: PLC0415

        exporting.write(read_results(explained(folder), titled=True), into, suite)
        out.print(f"Written: {into}", soft_wrap=True, highlight=False)


def _legend(signs: Legend) -> Table:
    """The signs of a table with their meanings."""
    table = Table("sign", "meaning", box=SIMPLE_HEAD, style="dim")
    for sign, meaning in signs:
        table.add_row(escape(sign), escape(meaning))
    return table


def _show(block: ReportBlock) -> None:
    assert block.table is not None, "a comparison has a table"
    head, lines = block.table
    table = Table(title=block.title, title_justify="left")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    out.print(table)
    for sentence in block.sentences:
        out.print(sentence, highlight=False, soft_wrap=True)
