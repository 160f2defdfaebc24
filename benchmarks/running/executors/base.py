"""What every executor does: take jobs, and tell what happens to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.records.record import Cell, Status
from benchmarks.training.course import unfinished

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
    """What a worker must know beside its job; everything in it can be sent to another process."""

    device: str = "cpu"
    threads: int | None = None  # of torch; none leaves them as they are
    data: Path | None = None
    plugins: tuple[Path, ...] = ()  # files that register balancers or suites
    imports: tuple[str, ...] = ()  # modules that register suites
    models: Path | None = None  # where trained models are kept, if they are
    time_limit: float | None = None  # seconds per cell


class Began(NamedTuple):
    """A job has its data and begins to train."""

    job: Job


class Stepped(NamedTuple):
    """A job has taken some of its steps; those of several trainings one after the other are counted anew."""

    job: Job
    done: int
    total: int


class Finished(NamedTuple):
    """One of a job's cells is over."""

    job: Job
    record: Any  # a `Record`; other work than training leaves something else that has the id of the cell


class Skip(NamedTuple):
    """Why a suite cannot run; ``broken`` if its loader failed in a way it should not."""

    reason: str
    broken: bool


class Skipped(NamedTuple):
    """A job cannot run."""

    job: Job
    why: Skip


class Split(NamedTuple):
    """A job's cells had better be trained one by one, anywhere."""

    job: Job

    def parts(self) -> list[Job]:
        """A job for each cell."""
        return [Job((cell,)) for cell in self.job.cells]


Event = Began | Stepped | Finished | Skipped | Split
Tell = Callable[[Event], None]


class Executor(ABC):
    """Trains jobs somewhere. Every cell ends in one record, whatever becomes of the worker, or its job is skipped.

    A `Split` is told like everything else; the executor itself runs the parts.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def width(self) -> int:
        """How many jobs it can run at once."""
        return 1

    @abstractmethod
    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Train all jobs, and tell what happens as it happens; an exception from ``tell`` stops everything."""
