"""The progress of a run: a bar in a terminal, a line per finished cell elsewhere, and the time left in both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from benchmarks.records.record import Cell, Record
from benchmarks.running.executors.base import Job


class Forecast:
    """Forecasts the time of cells by the mean of finished ones: of the same row, else the same suite, else of all."""

    def __init__(self, finished: Iterable[Record]) -> None:
        self._seconds: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for record in finished:
            self.add(record)

    def add(self, record: Record) -> None:
        """Add a finished cell."""
        if record.cost is not None:
            for key in _keys(record.cell):
                self._seconds[key].append(record.cost.total)

    def seconds(self, cells: Iterable[Cell]) -> float | None:
        """The seconds that ``cells`` will take together; none while no cell has finished."""
        if not self._seconds:
            return None
        return sum(fmean(next(self._seconds[key] for key in _keys(cell) if key in self._seconds)) for cell in cells)


def _keys(cell: Cell) -> tuple[tuple[str, ...], ...]:
    return (cell.table, cell.row), (cell.table,), ()


class Display:
    """Shows a run's progress on ``console``; use it as a context manager.

    Args:
        cells: the cells that will run.
        finished: records of cells that need not run again; they help to forecast times.
        console: where the progress is shown.
    """

    def __init__(self, cells: Sequence[Cell], finished: Sequence[Record], console: Console) -> None:
        self._waiting = {cell.id: cell for cell in cells}
        self._forecast = Forecast(finished)
        self._workers = 1  # the largest number of jobs that ran at a time
        self._console = console
        self._number = len(finished)
        self._total = len(finished) + len(cells)
        self._bars = bars(console)
        self._all = self._bars.add_task("cells", total=self._total, completed=self._number, note="")
        self._each: dict[str, TaskID] = {}  # by the job's id

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, job: Job) -> None:
        """Show that a job starts."""
        self.forget(job)
        self._each[job.id] = self._bars.add_task(heading(job), total=None, note="steps")
        self._workers = max(self._workers, len(self._each))
        self._bars.update(self._all, note=self._left())

    def steps(self, job: Job, done: int, total: int) -> None:
        """Show that a job has done ``done`` of ``total`` steps."""
        self._bars.update(self._each[job.id], completed=done, total=total)

    def finish(self, job: Job, record: Record) -> None:
        """Show that a cell of a job has ended."""
        self._forecast.add(record)
        self._waiting.pop(record.id)
        self._number += 1
        self._bars.update(self._all, completed=self._number, note=self._left())
        if not any(cell.id in self._waiting for cell in job.cells):
            self.forget(job)
        if record.status != "done" or not self._console.is_terminal:
            took = duration(record.cost.total) if record.cost else "no step"
            reason = f" ({record.reason})" if record.reason else ""
            left = self._left()
            line = f"[{self._number}/{self._total}] {title(record.cell)}: {record.status}{reason}, {took}"
            line += f"; {left}" if left else ""
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def skip(self, job: Job, reason: str) -> None:
        """Show that a job will not run, with its reason unless that is empty."""
        for cell in job.cells:
            self._waiting.pop(cell.id)
        self.forget(job)
        self._total -= len(job.cells)
        self._bars.update(self._all, total=self._total)
        if reason:
            line = f"{job.cells[0].table} is skipped: {reason}"
            self._console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def forget(self, job: Job) -> None:
        """Remove the bar of a job."""
        if job.id in self._each:
            self._bars.remove_task(self._each.pop(job.id))

    def _left(self) -> str:
        seconds = self._forecast.seconds(self._waiting.values())
        return duration_left(None if seconds is None else seconds / self._workers)


def bars(console: Console) -> Progress:
    """Bars with a name, a count and the field "note"; they are shown in a terminal alone and leave no trace."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def heading(job: Job) -> str:
    """A short name of a job."""
    first, more = job.cells[0], len(job.cells) - 1
    return f"{first.table} {first.row} and {more} more" if more else title(first)


def title(cell: Cell) -> str:
    """A short name of a cell."""
    task = f" {cell.tasks[0]}" if len(cell.tasks) == 1 else ""
    trial = f", trial {cell.trial}" if cell.trial else ""
    return f"{cell.problem} {cell.row}{task}, seed {cell.seed}, learning rate {cell.learning_rate:g}{trial}"


def duration_left(seconds: float | None) -> str:
    """For example "about 3 min left"; empty if it is unknown or none is left."""
    return f"about {duration(seconds)} left" if seconds else ""


def duration(seconds: float) -> str:
    """For example "12 s", "3 min" or "2 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
