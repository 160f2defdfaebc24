"""``python -m benchmarks.studies.throughput FOLDER``: measure, and write tables and chart."""

from __future__ import annotations

import shlex
import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import Annotated

import torch
import typer

from benchmarks.running.progress import duration
from benchmarks.studies.throughput import report
from benchmarks.studies.throughput.chores import chores
from benchmarks.studies.throughput.rates import rates
from benchmarks.studies.throughput.sizes import sizes
from benchmarks.studies.throughput.sweeps import sweeps, whole_run
from benchmarks.training.machine import devices
from benchmarks.training.machine.environment import describe


def main(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure how many runs an hour there are, on one CPU thread per worker."""
    torch.set_num_threads(1)  # so that the numbers of one worker and of several can be compared
    warnings.filterwarnings("ignore", module="torchjd")
    where, began = devices.choose(device), perf_counter()

    def tell(line: str) -> None:
        typer.echo(f"[{duration(perf_counter() - began)}] {line}")

    measured, swept = list(rates(where, tell)), list(sweeps(tell))
    shares, records = whole_run(where)
    found = report.Results(measured, swept, shares, chores(records), sizes())
    command = f"python -m benchmarks.studies.throughput {shlex.join(sys.argv[1:])}"
    report.write(folder, found, command, describe(where))
    tell(str(folder / "throughput.md"))


if __name__ == "__main__":
    typer.run(main)
