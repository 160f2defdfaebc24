"""Parts of all commands: the application, common options, and error messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

EXIT_FAILED = 1  # something ran and went wrong: a cell, a conformance check
EXIT_USAGE = 2  # nothing could run as asked
EXIT_INTERRUPTED = 130  # what shells report for Ctrl-C

app = typer.Typer(
    help="Benchmark of gradient balancing: methods against single-task baselines on multi-task problems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
out = Console()
err = Console(stderr=True)

Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Python file that registers balancers or suites; repeatable."),
]
ResultsFolder = Annotated[Path, typer.Argument(help="Results folder, such as results/quick.")]
Data = Annotated[Path | None, typer.Option(help="Folder with data, searched before all other places.")]
Balancers = Annotated[
    str, typer.Option(help="Balancers to run, comma-separated, or all; also others than the protocol's.")
]
Suites = Annotated[str, typer.Option(help="Suites or families of suites to run, comma-separated.")]
Seeds = Annotated[int | None, typer.Option(min=1, help="Number of seeds; overrides the protocol.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps or xpu.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0, help="Local processes; 0: only this process.", show_default="one per core, or one per accelerator"
    ),
]
ModelFolder = Annotated[Path, typer.Argument(help="Folder that `run --save-models` or `finetune` wrote.")]


def split_names(text: str) -> tuple[str, ...]:
    """The names in a comma-separated text."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def require_folder(data: Path | None) -> None:
    """Raise ``ValueError`` if the folder of data does not exist."""
    if data is not None and not data.is_dir():
        raise ValueError(f"the data folder {data} does not exist; create it and put the data there, or omit --data")


def explained(folder: Path) -> Path:
    """A results folder that says what it was asked for; one from before there was `asked.json` gets it now."""
    from benchmarks.protocols.build_asked import explain  # noqa: PLC0415
    from benchmarks.records.asked import lacks_asked  # noqa: PLC0415

    if lacks_asked(folder):
        try:
            explain(folder)
        except OSError as error:
            raise ValueError(
                f"{folder} is older than `asked.json`, which cannot be written there ({error.strerror}): copy the "
                "folder to a place that can be written, and read it there"
            ) from error
    return folder


def load_plugins(paths: list[Path] | None) -> None:
    """Register the balancers and suites of some files."""
    from benchmarks.running import plugins  # noqa: PLC0415

    for path in paths or []:
        plugins.load(path)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Show a user's mistake as one red sentence with an exit code instead of a traceback; Ctrl-C is no error."""
    from tasks.base import DataUnavailableError  # noqa: PLC0415

    try:
        yield
    except (ValueError, DataUnavailableError) as error:
        err.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_USAGE) from None
    except KeyboardInterrupt:
        err.print("Interrupted. Finished runs are kept; the same command continues.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
