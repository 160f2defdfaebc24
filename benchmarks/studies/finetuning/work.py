"""Fine-tunings that are not there yet, on the executors of the benchmark, with the time left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from rich.console import Console

from benchmarks.records.record import Cell, Status
from benchmarks.reporting.words import plural
from benchmarks.running.executors.base import (
    Event,
    Executor,
    Finished,
    Job,
    JobWorker,
    Prepared,
    Setting,
    Skipped,
    Tell,
)
from benchmarks.running.executors.processes import Processes
from benchmarks.running.executors.this_process import Here
from benchmarks.running.progress import duration, duration_left
from benchmarks.studies.finetuning.tuning import PlannedTuning, Tuned, TuningSetting, load, save, tune
from benchmarks.studies.progress import StudyProgress


class TuningEnd(NamedTuple):
    """A fine-tuning is over."""

    id: str  # of the cell
    seconds: float
    tuned: Tuned | None  # none if it failed
    reason: str = ""  # why it failed


@dataclass(frozen=True)
class TuningJob(Job):
    """One fine-tuning, as executors take it."""

    task: str
    epochs: int
    setting: TuningSetting

    @property
    def planned(self) -> PlannedTuning:
        """What it does."""
        return PlannedTuning(self.cells[0], self.task, self.epochs)

    @property
    def id(self) -> str:
        """The cell's, with the task."""
        return f"{self.cells[0].id} {self.task}"

    def run(self, worker: JobWorker, prepared: Prepared, tell: Tell) -> None:
        """Fine-tune; an error is told, because a loss or a metric of a suite can raise anything, hours into a study."""
        began, tuned, reason = perf_counter(), None, ""
        setting = self.setting._replace(device=str(worker.device))
        try:
            tuned = tune(self.planned, setting, prepared.loaded.suite, prepared.loaded.splits)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        tell(Finished(self, TuningEnd(self.cells[0].id, perf_counter() - began, tuned, reason)))

    def lost(self, cell: Cell, status: Status, reason: str, device: str) -> TuningEnd:  # noqa: ARG002
        """A fine-tuning whose worker was lost has failed."""
        return TuningEnd(cell.id, 0.0, None, reason)


def work(
    planned: Sequence[PlannedTuning], setting: TuningSetting, workers: int, console: Console
) -> dict[tuple[str, str], str]:
    """Run the fine-tunings whose file is not there; an interruption loses those in flight alone.

    One that fails leaves no file, is told, and does not keep the others from running.

    Args:
        planned: all fine-tunings.
        setting: what they have in common.
        workers: the number of local processes; below 2, all run in this one.
        console: where to show the progress.

    Returns:
        Why fine-tunings failed, by the cell's id and the task.

    Raises:
        ValueError: the data of a suite cannot be had here.
    """
    waiting = [each for each in planned if load(each, setting) is None]
    if not waiting:
        return {}
    jobs = [TuningJob((each.cell,), each.task, each.epochs, setting) for each in waiting]
    executor = _executor(setting, min(workers, len(jobs)))
    with StudyProgress("fine-tunings", len(planned), console, len(planned) - len(waiting)) as progress:
        handler = _EventHandler(waiting, executor.width(), progress)
        executor.run(jobs, handler.receive)
    return handler.failed


def _executor(setting: TuningSetting, workers: int) -> Executor:
    how = Setting(device=setting.device, threads=setting.threads, data=setting.data, plugins=setting.plugins)
    return Here(how) if workers < 2 else Processes(how, workers)


class _EventHandler:
    """Receives the events of fine-tunings, keeps their files, and shows the time left from the epochs so far."""

    def __init__(self, waiting: Sequence[PlannedTuning], workers: int, progress: StudyProgress) -> None:
        self._waiting, self._workers, self._progress = list(waiting), workers, progress
        self._spent: dict[str, list[tuple[float, int]]] = defaultdict(list)  # suite -> seconds and epochs
        self.failed: dict[tuple[str, str], str] = {}

    def receive(self, event: Event) -> None:
        """One event.

        Raises:
            ValueError: a suite cannot run.
        """
        match event:
            case Finished(TuningJob() as job, TuningEnd() as end):
                self._finish(job, end)
            case Skipped(job, why):
                raise ValueError(f"{job.cells[0].problem} cannot be fine-tuned: {why.reason}")
            case _:  # the others are for longer work
                pass

    def _finish(self, job: TuningJob, end: TuningEnd) -> None:
        planned = job.planned
        if end.tuned is not None:
            save(end.tuned, planned, job.setting)
        else:
            self.failed[end.id, job.task] = end.reason
        self._waiting.remove(planned)
        if end.seconds:
            self._spent[planned.cell.table].append((end.seconds, max(1, planned.epochs)))
        cell = planned.cell
        what = f"{cell.problem} {cell.row} {planned.task}, seed {cell.seed}: {plural(planned.epochs, 'epoch')}"
        if end.tuned is not None:
            self._progress.advance(f"{what}, {duration(end.seconds)}", self._left())
        else:
            self._progress.move(self._progress.done + 1, duration_left(self._left()))
            self._progress.warn(f"{what}, failed ({end.reason})")

    def _left(self) -> float:
        """Seconds that the others will take; 0 where nobody knows."""
        everything = [spent for several in self._spent.values() for spent in several]
        if not everything:
            return 0.0
        paces = [_pace(self._spent.get(each.cell.table) or everything) * max(1, each.epochs) for each in self._waiting]
        return sum(paces) / self._workers


def _pace(spent: Sequence[tuple[float, int]]) -> float:
    """Seconds of an epoch."""
    return sum(seconds for seconds, _ in spent) / sum(epochs for _, epochs in spent)
