"""Run the study and write its table, its chart and what they are made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from balancers import names
from benchmarks.reporting.charts.style import save as save_chart
from benchmarks.running.progress import duration_left
from benchmarks.studies.plane import chart, results, table
from benchmarks.studies.plane.published import rows
from benchmarks.studies.plane.train import Schedule, train
from benchmarks.studies.timing import one_thread
from benchmarks.training.machine.environment import describe
from tasks.suites.plane import STARTS

TABLE, MACHINE = "plane.md", "environment.json"
KEPT = 200  # points of a trajectory
LINES = 20  # of progress, where there is no terminal
SHOW = 50  # steps between two changes of the bar


def run(methods: Sequence[str], steps: int, folder: Path, console: Console) -> Path:
    """Train all ``methods``, every registered one by default, and write the report.

    Results that the folder has of other methods, from a run as long as this one, stay in it.
    """
    chosen = rows(methods or names())
    starts = torch.tensor(STARTS, dtype=torch.float64)
    schedule = Schedule(steps, every=max(1, steps // KEPT))
    with one_thread(), _progress(console) as bar:  # the tensors are tiny
        found = train(list(chosen.values()), starts, schedule, _watch(bar, console, steps))
    new = results.study(list(chosen), starts, found)
    whole = results.merge(results.load(folder), new) if results.present(folder) else new
    results.save(whole, folder)
    facts = describe(torch.device("cpu"))
    if len(whole.ends) > len(new.ends):
        facts.pop("commit", None)  # some rows are of another one
    (folder / MACHINE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return report(folder)


def report(folder: Path) -> Path:
    """Write table and chart from the results in ``folder``, and return the table's path."""
    found = results.load(folder)
    machine = json.loads((folder / MACHINE).read_text(encoding="utf-8"))
    text = table.as_markdown(found, Schedule(found.steps[-1]), machine)
    (folder / TABLE).write_text(text, encoding="utf-8")
    save_chart(chart.draw(found), folder, "trajectories")
    return folder / TABLE


def _progress(console: Console) -> Progress:
    columns = (TextColumn("steps"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _watch(bar: Progress, console: Console, steps: int) -> Callable[[int], None]:
    """Shows how far the training is and how long it will take: a bar in a terminal, lines elsewhere."""
    task = bar.add_task("steps", total=steps, note="")
    began = perf_counter()

    def watch(step: int) -> None:
        left = duration_left((perf_counter() - began) / step * (steps - step))
        if step % SHOW == 0:
            bar.update(task, completed=step, note=left)
        if not console.is_terminal and step % max(1, steps // LINES) == 0 and step < steps:
            console.print(f"[{step:,}/{steps:,} steps] {left}", markup=False, highlight=False)

    return watch
