"""Commands that look at what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
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


@app.command("list")
def list_(
    what: Annotated[str | None, typer.Argument(help="balancers, suites or protocols; everything by default.")] = None,
    plugin: Plugins = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of balancers in README.md instead.")] = False,
    into: Annotated[Path | None, typer.Option(help="Bring that table up to date in a file such as README.md.")] = None,
) -> None:
    """Show which balancers, suites and protocols there are, and what may stand around a balancer."""
    with plain_errors():
        from benchmarks.cli import catalogue  # noqa: PLC0415

        load_plugins(plugin)
        if into is not None:
            catalogue.renew(into)
        elif markdown:
            out.print(catalogue.markdown(), markup=False, highlight=False, soft_wrap=True)
        else:
            for table in catalogue.tables(what):
                out.print(table)


@app.command()
def report(folder: ResultsFolder) -> None:
    """Write tables, charts and report.html from the records of a results folder."""
    with plain_errors():
        from benchmarks.records import store  # noqa: PLC0415
        from benchmarks.reporting.page import write_report  # noqa: PLC0415

        out.print(f"Records: {store.source(folder)}", soft_wrap=True, highlight=False)
        out.print(f"Report: {write_report(explained(folder))}", soft_wrap=True, highlight=False)


@app.command()
def plot(folder: ResultsFolder) -> None:
    """Draw the charts of a results folder anew."""
    with plain_errors():
        from benchmarks.reporting import charts  # noqa: PLC0415

        for path in charts.draw(explained(folder)):
            out.print(str(path), soft_wrap=True, highlight=False)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a balancer, wrapped or not, or of a suite.")],
    plugin: Plugins = None,
    data: Data = None,
) -> None:
    """Test that a balancer does what every one must and what it claims, or a suite. Exits with 1 if it does not."""
    with plain_errors():
        from balancers import conformance  # noqa: PLC0415
        from tasks import conformance as suites  # noqa: PLC0415
        from tasks import registry  # noqa: PLC0415
        from tasks.offline import refused  # noqa: PLC0415

        with refused():  # only load() of a suite may ask for a network
            load_plugins(plugin)
        known = name in registry.names()
        found = suites.check(registry.create(name), data) if known else conformance.check(name)
        table = Table("", "check", "detail", title=f"{name}: {sum(r.passed for r in found)} of {len(found)} passed")
        for result in found:
            table.add_row("[green]✓[/]" if result.passed else "[red]✗[/]", result.name, escape(result.detail))
        out.print(table)
    raise typer.Exit(0 if all(result.passed for result in found) else EXIT_FAILED)
