"""Commands that answer one question each: train or measure what it takes, and write a report of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    explained,
    load_plugins,
    out,
    plain_errors,
    require_folder,
    split_names,
)

Into = Annotated[Path, typer.Option(help="Folder to write to.")]
Redraw = Annotated[bool, typer.Option("--redraw", help="Write page and chart anew from the tables in the folder.")]


def say_page(path: Path) -> None:
    """Print where the page of a study is."""
    out.print(f"Tables: {path}", soft_wrap=True, highlight=False)


def split_numbers(text: str) -> tuple[int, ...]:
    """Numbers that a comma separates.

    Raises:
        ValueError: something else is among them.
    """
    names = split_names(text)
    wrong = [name for name in names if not name.isdecimal() or int(name) == 0]
    if wrong:
        raise ValueError(f"expected whole numbers from 1 on, separated by commas, got {wrong[0]!r} in {text!r}")
    return tuple(map(int, names))


@app.command()
def plane(
    methods: Annotated[str, typer.Option(help="Only these balancers, comma-separated.")] = "",
    steps: Annotated[int, typer.Option(min=1)] = 50_000,
    results: Into = Path("results/plane"),
    plugin: Plugins = None,
    redraw: Redraw = False,
) -> None:
    """Train every balancer from five starts on the two-task plane, and say which end on the Pareto front."""
    with plain_errors():
        from benchmarks.studies.plane import study  # noqa: PLC0415

        load_plugins(plugin)
        say_page(study.report(results) if redraw else study.run(split_names(methods), steps, results, out))


@app.command()
def transfer(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    protocol: Annotated[str, typer.Option(help="Name of a protocol, or path of one.")] = "transfer",
    results: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="results/transfer, and -PROTOCOL of others")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of fine-tuning.")] = 3,
    rate: Annotated[float, typer.Option(help="Learning rate of fine-tuning, relative to the training.")] = 1.0,
    balancers: Balancers = "",
    suites: Suites = "",
    seeds: Seeds = None,
    device: Device = "auto",
    workers: Workers = None,
    data: Data = None,
    plugin: Plugins = None,
    redraw: Redraw = False,
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
            say_page(study.report(explained(folder)))
            return

        from benchmarks.protocols.expand import Filters  # noqa: PLC0415
        from benchmarks.running import local_workers, runner  # noqa: PLC0415
        from benchmarks.studies.finetuning.tuning import TuningSetting  # noqa: PLC0415
        from benchmarks.training.machine import devices  # noqa: PLC0415

        require_folder(data)
        if rate <= 0:
            raise ValueError(f"--rate {rate:g} would change no parameter; give a number above 0")
        where = devices.choose(device)
        workers = local_workers.default_workers(where) if workers is None else workers
        threads, files = local_workers.default_threads(where, workers), tuple(plugin or ())
        options = runner.Options(where, data, workers=workers, threads=threads, plugins=files)
        setting = TuningSetting(folder, rate, str(where), threads, data, files)
        filters = Filters(split_names(balancers), split_names(suites), seeds)
        path, failed = study.run(source, filters, setting, epochs, options, out)
        say_page(path)
        if failed:
            text = f"{failed} failed, as the table says; the same command tries fine-tunings again"
            out.print(text, style="yellow", highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_FAILED if failed else 0)


@app.command()
def efficiency(
    folder: Annotated[
        Path, typer.Argument(help="Results folder whose suites are measured, such as results/fields.")
    ] = Path("results/quick"),
    results: Into = Path("results/efficiency"),
    seconds: Annotated[float, typer.Option(min=0, help="About how long to time each suite and batch.")] = 5.0,
    data: Data = None,
    plugin: Plugins = None,
    redraw: Redraw = False,
) -> None:
    """Compare one multi-task model with a model per task: parameters, time of training, time of inference."""
    with plain_errors():
        from benchmarks.studies.efficiency import study  # noqa: PLC0415

        require_folder(data)
        load_plugins(plugin)
        say_page(study.report(results) if redraw else study.run(explained(folder), results, seconds, data, out))


@app.command("step-cost")
def step_cost(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    models: Annotated[str, typer.Option(help="Only these models, comma-separated.", show_default="all")] = "",
    tasks: Annotated[str, typer.Option(help="Numbers of tasks, comma-separated.")] = "2,3,11,40",
    methods: Annotated[str, typer.Option(help="Only these balancers, comma-separated.", show_default="all")] = "",
    solver_tasks: Annotated[str, typer.Option(help="Numbers of tasks for solvers alone.")] = "2,3,5,11,20,40,100",
    operator_tasks: Annotated[str, typer.Option(help="Numbers of tasks for counts of operators.")] = "3,10,40",
    effort: Annotated[float, typer.Option(min=0, help="How long to measure, in the usual time.")] = 1.0,
    results: Into = Path("results/micro"),
    redraw: Redraw = False,
) -> None:
    """Time one balanced step on one CPU thread, and count its operators, beside a plain step and TorchJD's."""
    with plain_errors():
        from benchmarks.studies.step_cost import study  # noqa: PLC0415

        options = study.StepCostOptions(
            tasks=split_numbers(tasks),
            methods=split_names(methods),
            solver_tasks=split_numbers(solver_tasks),
            operator_tasks=split_numbers(operator_tasks),
        )._replace(effort=effort, **({"models": split_names(models)} if models else {}))
        say_page(study.report(results) if redraw else study.run(options, results, out))


@app.command()
def gpu(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    device: Device = "auto",
    protocol: Annotated[str, typer.Option(help="Name or path of the protocol that is run.")] = "quick",
    models: Annotated[str, typer.Option(help="Models whose steps are timed.")] = "two-layer,bert-12",
    tasks: Annotated[str, typer.Option(help="Their numbers of tasks.")] = "3,10",
    methods: Annotated[str, typer.Option(help="Methods whose steps are timed.", show_default="eight")] = "",
    suites: Annotated[
        str, typer.Option(help="Suites whose rates are measured.")
    ] = "plane,gradnorm-regression-2,multimnist",
    rate_methods: Annotated[str, typer.Option(help="Methods whose rates are measured.")] = "fixed,pcgrad",
    replicas: Annotated[str, typer.Option(help="How many runs train in one loop.")] = "1,16,64",
    seconds: Annotated[float, typer.Option(min=0, help="About how long to time the steps of one model.")] = 10.0,
    minutes: Annotated[float, typer.Option(min=0, help="Minutes after which what is left is not measured.")] = 7.0,
    results: Into = Path("results/gpu"),
    redraw: Redraw = False,
) -> None:
    """Measure an accelerator: steps beside TorchJD's, waits for the device, runs per hour, and a whole protocol.

    Exits with 2 where there is no accelerator, unless --device cpu is given.
    """
    with plain_errors():
        from benchmarks.studies.gpu import study  # noqa: PLC0415

        options = study.GpuOptions(
            device=device,
            protocol=protocol,
            models=split_names(models),
            tasks=split_numbers(tasks),
            suites=split_names(suites),
            rate_methods=split_names(rate_methods),
            replicas=split_numbers(replicas),
            seconds=seconds,
            minutes=minutes,
        )._replace(**({"methods": split_names(methods)} if methods else {}))
        say_page(study.report(results) if redraw else study.run(options, results, out))


@app.command()
def throughput(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    protocol: Annotated[str, typer.Option(help="Name or path of the protocol that says what a run is.")] = "quick",
    suites: Annotated[
        str, typer.Option(help="Suites whose rates are measured.")
    ] = "plane,gradnorm-regression-2,multimnist",
    methods: Annotated[str, typer.Option(help="Balancers whose rates are measured.")] = "fixed,pcgrad",
    replicas: Annotated[str, typer.Option(help="How many runs train in one loop.")] = "1,4,16,64",
    seconds: Annotated[float, typer.Option(min=0, help="About how long to time steps, and evaluations.")] = 4.0,
    workers: Annotated[str, typer.Option(help="How many local processes, and how many nodes.")] = "1,2",
    worker_suite: Annotated[str, typer.Option(help="Suite that workers train.")] = "gradnorm-regression-2",
    worker_method: Annotated[str, typer.Option(help="Balancer that workers train.")] = "pcgrad",
    worker_cells: Annotated[int, typer.Option(min=1, help="How many runs workers share.")] = 24,
    driver_protocol: Annotated[str, typer.Option(help="Protocol for the work of the driver.")] = "standard",
    driver_seeds: Annotated[int, typer.Option(min=1, help="How many seeds of it.")] = 50,
    device: Device = "auto",
    results: Into = Path("results/throughput"),
    redraw: Redraw = False,
) -> None:
    """Measure how many runs an hour there are: one at a time, as replicas, on workers, and in a loop with TorchJD."""
    with plain_errors():
        from benchmarks.studies.throughput import study  # noqa: PLC0415
        from benchmarks.studies.throughput.options import ThroughputOptions  # noqa: PLC0415

        options = ThroughputOptions(
            protocol=protocol,
            suites=split_names(suites),
            methods=split_names(methods),
            replicas=split_numbers(replicas),
            seconds=seconds,
            workers=split_numbers(workers),
            worker_suite=worker_suite,
            worker_method=worker_method,
            worker_cells=worker_cells,
            driver_protocol=driver_protocol,
            driver_seeds=driver_seeds,
            device=device,
        )
        say_page(study.report(results) if redraw else study.run(options, results, out))
