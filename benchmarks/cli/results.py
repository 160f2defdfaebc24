"""Commands on results: side by side, brought together, run again, and in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from benchmarks.cli.base import (
    EXIT_FAILED,
    Data,
    Plugins,
    ResultsFolder,
    app,
    explained,
    load_plugins,
    out,
    plain_errors,
)

if TYPE_CHECKING:
    from benchmarks.reporting.blocks import Block

AGREE = 0.02  # training amplifies rounding; metrics of a run on another machine were seen to differ by up to 1.6 %


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Results folders of one protocol, records or archives.")],
    into: Annotated[Path, typer.Option(help="Results folder that gets their records.")],
) -> None:
    """Bring together what several machines have run; a run into that folder then does what is missing."""
    with plain_errors():
        from benchmarks.records import store  # noqa: PLC0415

        count = store.merge([explained(folder) for folder in folders], explained(into))
        out.print(f"Records: {count} new in {into}", soft_wrap=True, highlight=False)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A row of the results, or a results folder.")],
    second: Annotated[str, typer.Argument(help="What it is compared with: another row, or another folder.")],
    results: Annotated[Path, typer.Option(help="Results folder of the two rows.")] = Path("results/quick"),
) -> None:
    """Compare two methods of one results folder, or two folders of one protocol, seed by seed."""
    with plain_errors():
        from benchmarks.analysis.results import read_results  # noqa: PLC0415
        from benchmarks.records.asked import read_asked  # noqa: PLC0415
        from benchmarks.reporting import versus  # noqa: PLC0415

        if Path(first).is_dir() and Path(second).is_dir():
            blocks = versus.studies(*(read_results(explained(Path(folder)), titled=True) for folder in (first, second)))
        elif any("/" in name or Path(name).is_dir() for name in (first, second)):
            raise ValueError(f"{first} and {second} are not two results folders; name two of them, or two rows")
        else:
            methods = (read_asked(explained(results)).title(name) for name in (first, second))
            blocks = [versus.methods(read_results(results, titled=True), *methods)]
        for block in blocks:
            _show(block)
        out.print(blocks[-1].text, style="dim", highlight=False)


@app.command()
def reproduce(
    record: Annotated[str, typer.Argument(help="File of a record, or its id, or the beginning of that.")],
    results: Annotated[Path | None, typer.Option(help="Results folder or archive to look for an id in.")] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Relative difference of metrics that still agrees.")] = AGREE,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    data: Data = None,
    plugin: Plugins = None,
) -> None:
    """Run one cell again and say how far it agrees with its record. Exits with 1 if it does not."""
    with plain_errors():
        from benchmarks.running.progress import title  # noqa: PLC0415
        from benchmarks.running.reproduce import find, reproduce  # noqa: PLC0415
        from benchmarks.training.machine import devices  # noqa: PLC0415

        load_plugins(plugin)
        found = find(record, results)
        out.print(f"Again: {title(found.cell)}", highlight=False, soft_wrap=True)
        done = reproduce(found, str(devices.choose(device)), data)
        agrees = done.agrees(tolerance)
        for line in done.sentences(tolerance):
            out.print(line, style=None if agrees else "red", highlight=False, soft_wrap=True)
    raise typer.Exit(0 if agrees else EXIT_FAILED)


@app.command()
def export(
    folder: ResultsFolder,
    into: Annotated[Path, typer.Argument(help="File to write; .csv, .parquet or .tex is the format.")],
    suite: Annotated[str | None, typer.Option(help="This suite alone.")] = None,
) -> None:
    """Write every run as CSV or Parquet, or the leaderboard as LaTeX tables for a paper."""
    with plain_errors():
        from benchmarks.analysis.results import read_results  # noqa: PLC0415
        from benchmarks.reporting import export as exporting  # noqa: PLC0415

        exporting.write(read_results(explained(folder), titled=True), into, suite)
        out.print(f"Written: {into}", soft_wrap=True, highlight=False)


def _show(block: Block) -> None:
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
