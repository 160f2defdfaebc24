"""Train on the plane, and write page, chart and what they are made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console

from balancers import names
from benchmarks.records.store import write_atomically
from benchmarks.reporting.charts.style import save as save_chart
from benchmarks.running.progress import duration_left
from benchmarks.studies.plane import chart, results, table
from benchmarks.studies.plane.published import rows
from benchmarks.studies.plane.train import Schedule, train
from benchmarks.studies.progress import StudyProgress
from benchmarks.studies.results import Origin
from benchmarks.studies.timing import one_thread
from benchmarks.training.machine.environment import describe
from tasks.suites.plane import STARTS

PAGE, CHART = "plane.md", "trajectories"
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
    with one_thread(), StudyProgress("steps", steps, console) as progress:  # the tensors are tiny
        paths = train(list(chosen.values()), starts, schedule, _watch(progress))
    new = results.with_ends(list(chosen), starts, paths)
    whole = results.merge(results.load(folder), new) if results.present(folder) else new
    results.save(whole, folder)
    machine = describe(torch.device("cpu"))
    if len(whole.ends) > len(new.ends):
        machine.pop("commit", None)  # some rows are of another one
    Origin("", machine).save(folder)
    return report(folder)


def report(folder: Path) -> Path:
    """Write page and chart from the results in ``folder``, and return the page's path.

    Raises:
        ValueError: the folder has no such results.
    """
    ended = results.load(folder)
    schedule = Schedule(ended.steps[-1])
    origin = Origin.load(folder)._replace(command=f"python -m benchmarks plane --steps {schedule.steps}")
    write_atomically(folder / PAGE, table.as_markdown(ended, schedule, origin))
    save_chart(chart.draw(ended), folder, CHART)
    return folder / PAGE


def _watch(progress: StudyProgress) -> Callable[[int], None]:
    """Shows how far the training is and how long it will take: a bar in a terminal, lines elsewhere."""
    steps = progress.total

    def watch(step: int) -> None:
        left = duration_left(progress.seconds / step * (steps - step))
        progress.done = step
        if step % SHOW == 0:
            progress.move(step, left)
        if step % max(1, steps // LINES) == 0 and step < steps:
            progress.line(left)

    return watch
