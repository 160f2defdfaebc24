"""Commands that show balancers, suites, protocols and results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from benchmarks.cli.options import (
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
    what: Annotated[str | None, typer.Argument(help="balancers, suites or protocols; all of them by default.")] = None,
    plugin: Plugins = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table of methods in README.md instead.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option(help="File whose table of methods is replaced, such as README.md.")
    ] = None,
) -> None:
    """List all balancers, their wrappers, suites and protocols."""
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
def report(folder: ResultsFolder, plugin: Plugins = None) -> None:
    """Write tables, charts and report.html from the records of a results folder."""
    with plain_errors():
        load_plugins(plugin)
        from benchmarks.records import store  # noqa: PLC0415
        from benchmarks.reporting.page import write_report  # noqa: PLC0415

        out.print(f"Records: {store.source(folder)}", soft_wrap=True, highlight=False)
        out.print(f"Report: {write_report(explained(folder))}", soft_wrap=True, highlight=False)


@app.command()
def plot(folder: ResultsFolder, plugin: Plugins = None) -> None:
    """Draw the charts of a results folder again."""
    with plain_errors():
        load_plugins(plugin)
        from benchmarks.reporting import charts  # noqa: PLC0415

        for path in charts.draw(explained(folder)):
            out.print(str(path), soft_wrap=True, highlight=False)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a balancer, with or without wrappers, or of a suite.")],
    plugin: Plugins = None,
    data: Data = None,
) -> None:
    """Check that a balancer or a suite keeps its contract, and a balancer its claims. Exits with 1 if it does not."""
    with plain_errors():
        from balancers import conformance  # noqa: PLC0415
        from tasks import conformance as suites  # noqa: PLC0415
        from tasks import registry  # noqa: PLC0415
        from tasks.offline import refused  # noqa: PLC0415

        with refused():  # only load() of a suite may use the network
            load_plugins(plugin)
        is_suite = name in registry.names()
        checks = suites.check(registry.create(name), data) if is_suite else conformance.check(name)
        table = Table("", "check", "detail", title=f"{name}: {sum(c.passed for c in checks)} of {len(checks)} passed")
        for result in checks:
            table.add_row("[green]✓[/]" if result.passed else "[red]✗[/]", result.name, escape(result.detail))
        out.print(table)
    raise typer.Exit(0 if all(result.passed for result in checks) else EXIT_FAILED)
