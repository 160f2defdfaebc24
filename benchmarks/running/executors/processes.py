"""Jobs in local processes: a crash ends one cell alone, and a cell that hangs is stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from benchmarks.records.record import Status
from benchmarks.running.executors.base import (
    Began,
    Divided,
    Event,
    Executor,
    Finished,
    Job,
    Setting,
    Skipped,
    Stepped,
    Tell,
)
from benchmarks.running.executors.worker import Worker
from benchmarks.running.local_workers import of_worker

GRACE = 60.0  # seconds beyond the time limit of a cell, after which a silent worker is stopped
POLL = 1.0  # seconds between two looks at the clock
STOP_WITHIN = 5.0  # seconds that a worker has to stop


class Processes(Executor):
    """Several workers, each a process of its own that loads its own data.

    Args:
        setting: what every worker must know.
        workers: how many.
    """

    def __init__(self, setting: Setting, workers: int) -> None:
        super().__init__(setting)
        self.workers = workers

    def width(self) -> int:
        """The number of workers."""
        return self.workers

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Train the jobs, each preferably on a worker that has the data of its suite."""
        waiting = deque(jobs)
        retried: set[str] = set()  # jobs that a worker died with before it had begun
        places = [of_worker(self.setting.device, number) for number in range(min(self.workers, len(jobs)))]
        workers = [_WorkerProcess(self.setting._replace(device=place)) for place in places]
        try:
            while waiting or any(worker.job is not None for worker in workers):
                for worker in workers:
                    if worker.job is None and waiting:
                        worker.give(_next(waiting, worker, workers))
                ready = wait([worker.connection for worker in workers if worker.job is not None], timeout=POLL)
                for worker in workers:
                    if worker.connection in ready:
                        worker.listen(tell, waiting)
                    if worker.ended(self.setting.time_limit):
                        _replace_dead(worker, waiting, retried, tell)
        finally:
            for worker in workers:
                worker.stop()


def _next(waiting: deque[Job], worker: _WorkerProcess, workers: Sequence[_WorkerProcess]) -> Job:
    """The first job of the suite that a worker has loaded, else of a suite that no other worker has, else any job."""
    elsewhere = {other.table for other in workers if other is not worker}
    for fits in (lambda s: s == worker.table, lambda s: s not in elsewhere, lambda _: True):
        for job in waiting:
            if fits(job.cells[0].table):
                waiting.remove(job)
                return job
    raise AssertionError("there are jobs")


def _replace_dead(worker: _WorkerProcess, waiting: deque[Job], retried: set[str], tell: Tell) -> None:
    """Start a dead worker again. Of its job, several cells are tried again one by one; a single cell has failed."""
    job, why, finished, began = worker.job, worker.why, worker.finished, worker.began
    worker.stop()
    worker.start()
    assert job is not None, "idle workers do not die"
    left = [cell for cell in job.cells if cell.id not in finished]
    if not left:
        return
    if not began and job.id not in retried:  # the worker may have died before it was given the job
        retried.add(job.id)
        waiting.appendleft(job)
    elif len(job.cells) > 1:
        tell(Divided(job))
        waiting.extendleft(Job((cell,)) for cell in reversed(left))
    else:
        tell(Finished(job, job.lost(left[0], why.status, why.reason, worker.device)))


class _Cause(NamedTuple):
    status: Status
    reason: str


class _Done(NamedTuple):
    """The worker has done its job."""


class _Broken(NamedTuple):
    """The worker's process can do no more jobs."""

    reason: str


class _WorkerProcess:
    """One worker as the driver sees it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.device = setting.device
        self.job: Job | None = None
        self.table = ""
        self.finished: set[str] = set()  # ids of the job's cells that are over
        self._since: float | None = None  # when it last reported an event; the time limit counts from the first
        self.start()

    def start(self) -> None:
        """Start a new process."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._setting, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.job, self.table, self._dead = None, "", False
        self.why = _Cause("failed", "")

    def give(self, job: Job) -> None:
        """Send a job to the worker."""
        self.job, self.table, self.finished = job, job.cells[0].table, set()
        self._since = None
        try:
            self.connection.send(job)
        except OSError:  # it is dead, which `listen` notices
            return

    @property
    def began(self) -> bool:
        """Whether it has reported an event of its job: a worker may have died before it got the job."""
        return self._since is not None

    def listen(self, tell: Tell, waiting: deque[Job]) -> None:
        """Pass on the events of the worker; the parts of a job that it divides go back to the front of ``waiting``."""
        while self.job is not None and (message := self._receive()) is not None:
            if isinstance(message, _Done):
                self.job = None
                return
            if isinstance(message, _Broken):
                self.why = _Cause("failed", message.reason)
                continue
            if isinstance(message, Began | Stepped | Finished):
                self._since = time.monotonic()  # a sign of life; loading data, before the first, may take any time
            if isinstance(message, Finished):
                self.finished.add(message.record.id)
            if isinstance(message, Skipped):
                self.table = ""
            tell(message)
            if isinstance(message, Divided):
                waiting.extendleft(reversed(message.parts()))

    def _receive(self) -> Event | _Done | _Broken | None:
        """The next message of the worker; none if there is none, or if it is dead."""
        try:
            return self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            self._process.join(STOP_WITHIN)
            code = self._process.exitcode
            ended = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
            if not self.why.reason:
                self.why = _Cause("failed", f"its process died ({ended}); if memory ran out, use fewer --workers")
            self._dead = True
            return None

    def ended(self, limit: float | None) -> bool:
        """Whether the worker died over its job, or is silent for so long that it has to be stopped."""
        if self.job is None:
            return False
        if self._dead:
            return True
        silent = 0.0 if self._since is None else time.monotonic() - self._since
        if limit is not None and silent > limit + GRACE:  # a sound group reports many times within the limit
            self.why = _Cause("timed out", f"took longer than {limit:g} s and did not stop")
            return True
        return False

    def stop(self) -> None:
        """End the process."""
        self.connection.close()
        self._process.terminate()
        self._process.join(STOP_WITHIN)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def _serve(setting: Setting, connection: Connection) -> None:
    """The whole life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which ends the workers
    threading.Thread(target=_follow, daemon=True).start()
    worker = Worker(setting)
    worker.load_plugins()
    while True:
        try:
            job = connection.recv()
            worker.run(job, connection.send)
            connection.send(_Done())
        except (EOFError, BrokenPipeError, ConnectionResetError):  # the driver has ended
            return
        except Exception as error:  # this process can do no more, as after an error of its device
            connection.send(_Broken(f"{type(error).__name__}: {error}"))
            raise


def _follow() -> None:
    """End this process when the driver ends, for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers have one"
    parent.join()
    os._exit(1)
