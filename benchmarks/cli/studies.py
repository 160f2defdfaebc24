"""Commands that answer one question each: train or measure what it takes, and write a report of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.base import (
    EXIT_FAILED,
    Balancers,
    Data,
    Device,
    Plugins,
    ResultsFolder,
    Seeds,
    Suites,
    Workers,
    app,
    explained,
    load_plugins,
    out,
    plain_errors,
    require_folder,
    split_names,
)

Into = Annotated[Path, typer.Option(help="Folder to write to.")]


@app.command()
def transfer(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    protocol: Annotated[str, typer.Option(help="Name of a protocol, or path of one.")] = "transfer",
    results: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="results/transfer, and -PROTOCOL of others")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of fine-tuning.")] = 3,
    rate: Annotated[float, typer.Option(help="Learning rate of fine-tuning, in that of the training.")] = 1.0,
    balancers: Balancers = "",
    suites: Suites = "",
    seeds: Seeds = None,
    device: Device = "auto",
    workers: Workers = None,
    data: Data = None,
    plugin: Plugins = None,
    redraw: Annotated[bool, typer.Option("--redraw", help="Only the tables and chart of what is there.")] = False,
) -> None:
    """Fine-tune multi-task models on each of their tasks, against single-task models at equal compute.

    What is in the results folder is not run again: after an interruption, the same command goes on.
    Exits with 0 if all went well, 1 if something failed, 2 if nothing could run as asked, 130 after Ctrl-C.
    """
    with plain_errors():
        from benchmarks.protocols.files import find, read  # noqa: PLC0415
        from benchmarks.studies.finetuning import study  # noqa: PLC0415

        load_plugins(plugin)
        source = find(protocol)  # the models of two protocols must not meet in one table
        folder = results or Path("results") / "-".join(dict.fromkeys(("transfer", read(source).name)))
        if redraw:
            out.print(f"Tables: {study.report(explained(folder))}", soft_wrap=True, highlight=False)
            return

        from benchmarks.protocols.expand import Filters  # noqa: PLC0415
        from benchmarks.running import runner  # noqa: PLC0415
        from benchmarks.studies.finetuning.tuning import Setting  # noqa: PLC0415
        from benchmarks.training.machine import devices  # noqa: PLC0415

        require_folder(data)
        if rate <= 0:
            raise ValueError(f"--rate {rate:g} would change no parameter; give a number above 0")
        where = devices.choose(device)
        workers = devices.default_workers(where) if workers is None else workers
        threads, files = devices.default_threads(where, workers), tuple(plugin or ())
        options = runner.Options(where, data, workers=workers, threads=threads, plugins=files)
        setting = Setting(folder, rate, str(where), threads, data, files)
        filters = Filters(split_names(balancers), split_names(suites), seeds)
        path, failed = study.run(source, filters, setting, epochs, options, out)
        out.print(f"Tables: {path}", soft_wrap=True, highlight=False)
        if failed:
            text = f"{failed} failed, as the table says; the same command tries fine-tunings again"
            out.print(text, style="yellow", highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_FAILED if failed else 0)


@app.command()
def efficiency(
    folder: ResultsFolder,
    results: Into = Path("results/efficiency"),
    seconds: Annotated[float, typer.Option(min=0, help="About how long to time each suite and batch.")] = 5.0,
    data: Data = None,
    plugin: Plugins = None,
) -> None:
    """Compare one multi-task model with a model per task: parameters, time of training, time of inference."""
    with plain_errors():
        from benchmarks.studies.efficiency import study  # noqa: PLC0415

        require_folder(data)
        load_plugins(plugin)
        out.print(f"Table: {study.run(explained(folder), results, seconds, data)}", soft_wrap=True, highlight=False)
