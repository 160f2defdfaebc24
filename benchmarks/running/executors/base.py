"""The interface of executors: they take jobs, and report events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.records.record import Cell, Status
from benchmarks.training.run import unfinished

if TYPE_CHECKING:
    from benchmarks.running.executors.worker import Known, Worker


@dataclass(frozen=True)
class Job:
    """Cells of one suite that train together. A subclass does other work with the data of a suite."""

    cells: tuple[Cell, ...]

    @property
    def id(self) -> str:
        """The first cell's."""
        return self.cells[0].id

    def run(self, worker: Worker, known: Known, tell: Tell) -> None:
        """Work on a worker that has the data, and tell `Finished` of every cell."""
        worker.train(self, known, tell)

    def lost(self, cell: Cell, status: Status, reason: str, device: str) -> Any:
        """What stands in `Finished` for a cell whose worker was lost."""
        return unfinished(cell, status, reason, device)


class Setting(NamedTuple):
    """What a worker must know beside its job; all of it can be sent to another process."""

    device: str = "cpu"
    threads: int | None = None  # of torch; none leaves the number as it is
    data: Path | None = None
    plugins: tuple[Path, ...] = ()  # files that register balancers or suites
    imports: tuple[str, ...] = ()  # modules that register suites
    models: Path | None = None  # the folder for trained models; none keeps no models
    time_limit: float | None = None  # seconds per cell


class Began(NamedTuple):
    """A job has its data and begins to train."""

    job: Job


class Stepped(NamedTuple):
    """A job has taken some of its steps; a job that trains several times in succession counts anew each time."""

    job: Job
    done: int
    total: int


class Finished(NamedTuple):
    """One of a job's cells has ended."""

    job: Job
    record: Any  # a `Record`; other work than training leaves something else that has the id of the cell


class Skip(NamedTuple):
    """Why a suite cannot run; ``broken`` if its loader has an error, beyond data that are missing."""

    reason: str
    broken: bool


class Skipped(NamedTuple):
    """A job cannot run."""

    job: Job
    why: Skip


class Divided(NamedTuple):
    """A job is divided: its cells train one by one, on any worker."""

    job: Job

    def parts(self) -> list[Job]:
        """A job for each cell."""
        return [Job((cell,)) for cell in self.job.cells]


Event = Began | Stepped | Finished | Skipped | Divided
Tell = Callable[[Event], None]


class Executor(ABC):
    """Trains jobs. Every cell ends in one record, even if its worker dies, unless its job is skipped.

    The event `Divided` is reported like every other; the executor itself runs the parts.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def width(self) -> int:
        """How many jobs it can run at once."""
        return 1

    @abstractmethod
    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Train all jobs, and report every event to ``tell`` when it happens; an exception from it stops everything."""
