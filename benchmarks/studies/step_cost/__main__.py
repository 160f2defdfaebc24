"""``python -m benchmarks.studies.step_cost FOLDER``: measure, and write ``micro.csv`` and ``micro.md``."""

from __future__ import annotations

import shlex
import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import Annotated

import torch
import typer

from balancers import names
from benchmarks.running.progress import duration
from benchmarks.studies.step_cost import report
from benchmarks.studies.step_cost.checks import checks
from benchmarks.studies.step_cost.measure import PLANS, cases
from benchmarks.studies.step_cost.solvers import solves
from benchmarks.training.machine.environment import describe

TASKS = "2,3,11,40"


def main(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    models: Annotated[str, typer.Option(help="Only these, comma-separated.")] = ",".join(PLANS),
    tasks: Annotated[str, typer.Option(help="Numbers of tasks, comma-separated.")] = TASKS,
    methods: Annotated[str, typer.Option(help="Only these, comma-separated.")] = "",
) -> None:
    """Measure what steps cost, on one CPU thread, and write the tables."""
    torch.set_num_threads(1)  # with more, whatever else the machine does can cost a time slice per operation
    warnings.filterwarnings("ignore", module="torchjd")
    chosen = [name for name in methods.split(",") if name] or names()
    began, found = perf_counter(), []
    for model in models.split(","):
        for count in map(int, tasks.split(",")):
            found += cases(model, count, chosen)
            typer.echo(f"[{duration(perf_counter() - began)}] {model}, {count} tasks")
    solved, checked = list(solves()), list(checks(found))
    folder.mkdir(parents=True, exist_ok=True)
    command = f"python -m benchmarks.studies.step_cost {shlex.join(sys.argv[1:])}"
    report.write(folder, report.Results(found, solved, checked), command, describe(torch.device("cpu")))
    typer.echo(f"[{duration(perf_counter() - began)}] {folder / 'micro.md'}")


if __name__ == "__main__":
    typer.run(main)
