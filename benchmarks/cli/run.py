"""The command ``run``: train the cells of a protocol and write the report."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.cli.options import (
    EXIT_FAILED,
    Balancers,
    Data,
    Device,
    Plugins,
    Seeds,
    Suites,
    Workers,
    app,
    load_plugins,
    out,
    plain_errors,
    require_folder,
    split_names,
)

if TYPE_CHECKING:
    from benchmarks.protocols.expand import Filters
    from benchmarks.running.runner import Options, Summary


class ExecutorName(StrEnum):
    """The executors of cells."""

    LOCAL = "local"
    RAY = "ray"


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    protocol: Annotated[
        str, typer.Option(help="Name of a protocol (see `list protocols`), or path of its file.")
    ] = "quick",
    balancers: Balancers = "",
    suites: Suites = "",
    seeds: Seeds = None,
    device: Device = "auto",
    data: Data = None,
    results: Annotated[
        Path | None,
        typer.Option(help="Folder to write to.", show_default="results/PROTOCOL, or results/PROTOCOL-PLUGIN"),
    ] = None,
    plugin: Plugins = None,
    reference: Annotated[
        bool | None,
        typer.Option(
            help="Use the reference results in results/PROTOCOL, and run only what is missing.",
            show_default="with --plugin",
        ),
    ] = None,
    workers: Workers = None,
    executor: Annotated[
        ExecutorName, typer.Option(help="Train in local processes or on a Ray cluster.")
    ] = ExecutorName.LOCAL,
    address: Annotated[str | None, typer.Option(help="Address of a Ray cluster.", show_default="starts one")] = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, help="GPUs, or a fraction of one, per worker on a Ray cluster.")
    ] = None,
    replicas: Annotated[int, typer.Option(min=1, help="Largest number of cells in one vectorised training loop.")] = 64,
    time_limit: Annotated[float | None, typer.Option(min=0, help="Longest time of a cell in seconds.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads per worker.", show_default="cores per worker")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.")] = False,
    save_models: Annotated[
        bool, typer.Option("--save-models", help="Save the trained models of all cells that run.")
    ] = False,
) -> None:
    """Train all cells of a protocol and write the report.

    Cells with a record in the results folder are not run again: after an interruption, the same command continues.
    Exits with 0 if all went well, 1 if a cell failed, 2 if nothing could run as asked, 130 after Ctrl-C.
    """
    with plain_errors():
        import torch  # noqa: PLC0415

        from benchmarks.protocols.expand import Filters  # noqa: PLC0415
        from benchmarks.protocols.files import find, read  # noqa: PLC0415
        from benchmarks.running import local_workers, runner  # noqa: PLC0415
        from benchmarks.training.machine import devices  # noqa: PLC0415
        from benchmarks.training.machine.data_parallel import join  # noqa: PLC0415

        require_folder(data)
        load_plugins(plugin)
        source = find(protocol)
        folder = results or Path("results") / "-".join([read(source).name, *(path.stem for path in plugin or [])])
        _require_consistent(executor, address, gpus, workers, time_limit)
        # The nodes of a cluster have accelerators, the driver not necessarily.
        elsewhere = executor is ExecutorName.RAY and device in devices.ACCELERATORS
        where = torch.device(device) if elsewhere else devices.choose(device)
        if gpus and not devices.on_accelerator(where):
            raise ValueError("--gpus reserves GPUs that a run on the CPU does not use: add --device cuda")
        workers = local_workers.default_workers(where) if workers is None else workers
        options = runner.Options(
            where,
            data,
            retry_failed,
            save_models,
            workers=workers,
            replicas=replicas,
            time_limit=time_limit,
            threads=threads or local_workers.default_threads(where, workers),
            plugins=tuple(plugin or ()),
            executor=executor.value,
            address=address,
            gpus=gpus,
        )
        filters = Filters(split_names(balancers), split_names(suites), seeds)
        first = os.environ.get("RANK", "0") == "0"  # of torchrun's processes, the one that writes
        if first and (reference or (reference is None and plugin)):
            _adopt(source, filters, options, folder, required=bool(reference))
        summary = runner.run(source, filters, folder, options, out)
        world = join(where)
        if world.first:
            _conclude(folder, summary, data)
        world.leave()
    raise typer.Exit(EXIT_FAILED if summary.failed else 0)


def _require_consistent(
    executor: ExecutorName, address: str | None, gpus: float | None, workers: int | None, time_limit: float | None
) -> None:
    """Raise ``ValueError`` for options that have no effect together."""
    if executor is ExecutorName.LOCAL and (address is not None or gpus is not None):
        raise ValueError("--address and --gpus need a Ray cluster: add --executor ray")
    if executor is ExecutorName.RAY and workers is not None:
        raise ValueError("a Ray cluster chooses the number of workers: omit --workers")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and (executor is ExecutorName.RAY or workers):
        raise ValueError("the processes of torchrun train each run together: omit --executor and --workers")
    if time_limit is not None and time_limit <= 0:
        raise ValueError(f"--time-limit {time_limit:g} leaves no time for a step; give a positive number of seconds")


def _adopt(source: Path, filters: Filters, options: Options, folder: Path, *, required: bool) -> None:
    """Adopt comparable reference results, if there are any."""
    from benchmarks.protocols import files as protocol  # noqa: PLC0415
    from benchmarks.protocols.expand import expand  # noqa: PLC0415
    from benchmarks.running import reference  # noqa: PLC0415

    wanted = protocol.read(source)
    suites = {cell.table for cell in expand(wanted, filters)}
    try:
        count = reference.adopt(wanted.name, wanted.version, suites, options.device.type, folder)
    except ValueError as error:
        if required:
            raise
        out.print(f"All cells are run: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        return
    if count:
        where = reference.REFERENCES / wanted.name
        out.print(f"Reference: {count} runs are taken from {where}", highlight=False, soft_wrap=True)


def _conclude(folder: Path, summary: Summary, data: Path | None) -> None:
    """Write archive and report, and print the results and their places."""
    from benchmarks.analysis.results import counting, read_results  # noqa: PLC0415
    from benchmarks.records import store  # noqa: PLC0415
    from benchmarks.records.asked import read_asked  # noqa: PLC0415
    from benchmarks.reporting import leaderboard  # noqa: PLC0415
    from benchmarks.reporting.page import write_report  # noqa: PLC0415
    from benchmarks.running import trivial_baselines  # noqa: PLC0415

    store.pack(folder)
    with out.status("Trivial baselines"):
        records = counting(store.load(folder), read_asked(folder))  # an edited protocol leaves records of old suites
        trivial_baselines.renew(folder, [record.cell for record in records if record.status == "done"], data)
    path = write_report(folder)
    out.print(leaderboard.summary(read_results(folder, titled=True).aggregates))
    counts = ", ".join(f"{number} {status}" for status, number in summary.counts.items() if number)
    out.print(f"Cells: {counts}", highlight=False)
    for suite, skip in summary.skipped.items():
        out.print(f"Skipped {suite}: {skip.reason}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if (folder / "models").is_dir():
        out.print(f"Models: {folder / 'models'}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"Report: {path}", markup=False, highlight=False, soft_wrap=True)
