"""The command line ``python -m benchmarks``. Heavy imports are inside the commands, so that --help answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from benchmarks.records import Scalars
    from benchmarks.runner import Summary

EXIT_FAILED = 1  # something ran and went wrong: a cell, a conformance check
EXIT_USAGE = 2  # nothing could run as asked
EXIT_INTERRUPTED = 130  # what shells report for Ctrl-C

app = typer.Typer(
    help="Benchmark of gradient balancers: methods against single-task baselines on multi-task problems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
out = Console()
err = Console(stderr=True)


class Executor(StrEnum):
    """Where cells train."""

    LOCAL = "local"
    RAY = "ray"


Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file that registers a balancer; may be repeated.")
]
Results = Annotated[Path, typer.Argument(help="Results folder, such as results/quick.")]
Data = Annotated[Path | None, typer.Option(help="Folder to look for data in first.")]
ModelFolder = Annotated[Path, typer.Argument(help="Folder that `run --save-models` or `finetune` wrote.")]


@app.command("list")
def list_(
    what: Annotated[str | None, typer.Argument(help="balancers, suites or protocols; everything by default.")] = None,
    plugin: Plugins = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table of balancers in README.md instead.")] = False,
    into: Annotated[Path | None, typer.Option(help="Bring that table up to date in a file such as README.md.")] = None,
) -> None:
    """Show which balancers, suites and protocols there are, and what may stand around a balancer."""
    with _plain_errors():
        from benchmarks import catalogue  # noqa: PLC0415

        _load_plugins(plugin)
        if into is not None:
            catalogue.renew(into)
        elif markdown:
            out.print(catalogue.markdown(), markup=False, highlight=False, soft_wrap=True)
        else:
            for table in catalogue.tables(what):
                out.print(table)


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    protocol: Annotated[str, typer.Option(help="Name of a protocol (see `list protocols`) or path of one.")] = "quick",
    balancers: Annotated[str, typer.Option(help="Only these, comma-separated; also others; or all.")] = "",
    suites: Annotated[str, typer.Option(help="Only these suites or families of suites, comma-separated.")] = "",
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds, in place of the protocol's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    data: Data = None,
    results: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="results/PROTOCOL")] = None,
    plugin: Plugins = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Local processes; 0: this one.", show_default="one per core, or one per GPU"),
    ] = None,
    executor: Annotated[Executor, typer.Option(help="Where cells train.")] = Executor.LOCAL,
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster.", show_default="starts one")] = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, help="GPUs, or a part of one, for each worker on a Ray cluster.")
    ] = None,
    replicas: Annotated[int, typer.Option(min=1, help="At most so many cells train in one vectorised loop.")] = 64,
    time_limit: Annotated[float | None, typer.Option(min=0, help="Seconds that a cell may take.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads of each worker.", show_default="cores per worker")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.")] = False,
    save_models: Annotated[bool, typer.Option("--save-models", help="Keep the models of the cells that run.")] = False,
) -> None:
    """Train what a protocol asks for and write the report.

    What has a record in the results folder is not run again: after an interruption, the same command goes on.
    Exits with 0 if all went well, 1 if a cell failed, 2 if nothing could run as asked, 130 after Ctrl-C.
    """
    with _plain_errors():
        from benchmarks import devices, runner  # noqa: PLC0415
        from benchmarks.expand import Filters  # noqa: PLC0415
        from benchmarks.protocol import find, read  # noqa: PLC0415
        from benchmarks.world import join  # noqa: PLC0415

        if data is not None and not data.is_dir():
            raise ValueError(f"the data folder {data} is not there; create it with the data in it, or leave --data out")
        _load_plugins(plugin)
        source = find(protocol)
        folder = results or Path("results") / read(source).name
        where = devices.choose(device)
        workers = devices.default_workers(where) if workers is None else workers
        options = runner.Options(
            where,
            data,
            retry_failed,
            save_models,
            workers=workers,
            replicas=replicas,
            time_limit=time_limit,
            threads=threads or devices.default_threads(where, workers),
            plugins=tuple(path.resolve() for path in plugin or ()),
            executor=executor.value,
            address=address,
            gpus=gpus,
        )
        summary = runner.run(source, Filters(_names(balancers), _names(suites), seeds), folder, options, out)
        if join(where).first:
            _conclude(folder, summary)
    raise typer.Exit(EXIT_FAILED if summary.failed else 0)


def _conclude(folder: Path, summary: Summary) -> None:
    """Write archive and report, and say what came out and where they are."""
    import benchmarks.report  # noqa: PLC0415
    from benchmarks import store, study, tables  # noqa: PLC0415

    store.pack(folder)
    path = benchmarks.report.write(folder)
    out.print(tables.summary(study.read(folder).aggregates))
    counts = ", ".join(f"{number} {status}" for status, number in summary.counts.items() if number)
    out.print(f"Cells: {counts}", highlight=False)
    for suite, skip in summary.skipped.items():
        out.print(f"Skipped {suite}: {skip.reason}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if (folder / "models").is_dir():
        out.print(f"Models: {folder / 'models'}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"Report: {path}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def report(folder: Results) -> None:
    """Write tables, charts and report.html from the records of a results folder."""
    with _plain_errors():
        import benchmarks.report  # noqa: PLC0415
        from benchmarks import store  # noqa: PLC0415

        out.print(f"Records: {store.source(folder)}", soft_wrap=True, highlight=False)
        out.print(f"Report: {benchmarks.report.write(folder)}", soft_wrap=True, highlight=False)


@app.command()
def plot(folder: Results) -> None:
    """Draw the charts of a results folder anew."""
    with _plain_errors():
        from benchmarks import charts  # noqa: PLC0415

        for path in charts.draw(folder):
            out.print(str(path), soft_wrap=True, highlight=False)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a balancer, wrapped or not.")],
    plugin: Plugins = None,
) -> None:
    """Test that a balancer does what every balancer must, and what it claims to do. Exits with 1 if it does not."""
    with _plain_errors():
        from balancers import conformance  # noqa: PLC0415

        _load_plugins(plugin)
        found = conformance.check(name)
        table = Table("", "check", "detail", title=f"{name}: {sum(r.passed for r in found)} of {len(found)} passed")
        for result in found:
            table.add_row("[green]✓[/]" if result.passed else "[red]✗[/]", result.name, escape(result.detail))
        out.print(table)
    raise typer.Exit(0 if all(result.passed for result in found) else EXIT_FAILED)


@app.command()
def plane(
    methods: Annotated[str, typer.Option(help="Only these balancers, comma-separated.")] = "",
    steps: Annotated[int, typer.Option(min=1)] = 50_000,
    results: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("results/plane"),
    plugin: Plugins = None,
    redraw: Annotated[bool, typer.Option("--redraw", help="Only the table and chart of what is there.")] = False,
) -> None:
    """Train every balancer from five starts on the two-task plane, and say which end on the Pareto front."""
    with _plain_errors():
        from benchmarks.plane import study  # noqa: PLC0415

        _load_plugins(plugin)
        path = study.report(results) if redraw else study.run(_names(methods), steps, results, out)
        out.print(f"Table: {path}", soft_wrap=True, highlight=False)


@app.command()
def predict(
    folder: ModelFolder,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    output: Annotated[Path | None, typer.Option(help="CSV file for the outputs and targets of every example.")] = None,
    data: Data = None,
) -> None:
    """Evaluate a saved model on a split of its suite, and write its predictions for all tasks."""
    with _plain_errors():
        from benchmarks import models  # noqa: PLC0415
        from benchmarks.evaluate import evaluate  # noqa: PLC0415

        saved, splits = models.load_with_data(folder, data)
        examples = models.split_of(splits, split)
        out.print(_metrics({split: evaluate(saved.model, saved.tasks, examples)}))
        if output is not None:
            models.write_predictions(output, models.outputs_of(saved.model, examples.inputs), examples.targets)
            out.print(f"Predictions: {output}", soft_wrap=True, highlight=False)


@app.command()
def finetune(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    folder: ModelFolder,
    task: Annotated[str, typer.Option(help="The task to fine-tune on.")],
    output: Annotated[Path, typer.Option(help="Folder for the fine-tuned model.")],
    epochs: Annotated[int, typer.Option(min=1)] = 5,
    learning_rate: Annotated[float, typer.Option(min=0)] = 1e-4,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    head_only: Annotated[bool, typer.Option("--head-only", help="Leave the shared encoder as it is.")] = False,
    data: Data = None,
) -> None:
    """Train a saved model further on one task alone, and save the result."""
    with _plain_errors():
        from benchmarks import finetune as finetuning  # noqa: PLC0415

        how = finetuning.Finetuning(epochs, learning_rate, batch_size, head_only)
        change = finetuning.finetune(folder, output, task, how, data)
        out.print(_metrics({"before": change.before, "after": change.after}))
        out.print(f"Model: {output}", soft_wrap=True, highlight=False)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _load_plugins(paths: list[Path] | None) -> None:
    from balancers import load_plugin  # noqa: PLC0415

    for path in paths or []:
        load_plugin(path)


def _metrics(columns: dict[str, Scalars]) -> Table:
    """A table of metrics, one column for each entry."""
    table = Table("task", "metric", *columns)
    first = next(iter(columns.values()))
    for task, metrics in first.items():
        for metric in metrics:
            table.add_row(task, metric, *(f"{scores[task][metric]:.6g}" for scores in columns.values()))
    return table


@contextmanager
def _plain_errors() -> Iterator[None]:
    """A user's mistake is one red sentence and an exit code, not a traceback; Ctrl-C is no error."""
    from tasks.base import DataUnavailableError  # noqa: PLC0415

    try:
        yield
    except (ValueError, DataUnavailableError) as error:
        err.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_USAGE) from None
    except KeyboardInterrupt:
        err.print("Interrupted. What has finished is kept; the same command goes on from there.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
