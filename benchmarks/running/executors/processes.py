"""Jobs in local processes: a crash takes one cell down, and a cell that hangs is ended."""

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
    Event,
    Executor,
    Finished,
    Job,
    Setting,
    Skipped,
    Split,
    Stepped,
    Tell,
)
from benchmarks.running.executors.worker import Worker
from benchmarks.training.devices import of_worker

GRACE = 60.0  # seconds beyond the limit of a cell after which a job that gives no sign of life is ended
POLL = 1.0  # seconds between two looks at the clock
STOP_WITHIN = 5.0  # seconds that a worker has to end


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
        """Train the jobs, those of the same suite preferably where its data are."""
        waiting = deque(jobs)
        again: set[str] = set()  # jobs that a worker died with before it had begun
        places = [of_worker(self.setting.device, number) for number in range(min(self.workers, len(jobs)))]
        crew = [_Hand(self.setting._replace(device=place)) for place in places]
        try:
            while waiting or any(hand.job is not None for hand in crew):
                for hand in crew:
                    if hand.job is None and waiting:
                        hand.give(_next(waiting, hand, crew))
                ready = wait([hand.connection for hand in crew if hand.job is not None], timeout=POLL)
                for hand in crew:
                    if hand.connection in ready:
                        hand.listen(tell, waiting)
                    if hand.ended(self.setting.time_limit):
                        _bury(hand, waiting, again, tell)
        finally:
            for hand in crew:
                hand.stop()


def _next(waiting: deque[Job], hand: _Hand, crew: Sequence[_Hand]) -> Job:
    """The first job of the suite that a worker has loaded, else of one that no other has, else any."""
    elsewhere = {other.table for other in crew if other is not hand}
    for fits in (lambda s: s == hand.table, lambda s: s not in elsewhere, lambda _: True):
        for job in waiting:
            if fits(job.cells[0].table):
                waiting.remove(job)
                return job
    raise AssertionError("there are jobs")


def _bury(hand: _Hand, waiting: deque[Job], again: set[str], tell: Tell) -> None:
    """What a dead worker has left: several cells are tried again one by one, a single one has failed."""
    job, why, finished, began = hand.job, hand.why, hand.finished, hand.began
    hand.stop()
    hand.start()
    assert job is not None, "idle workers do not die"
    left = [cell for cell in job.cells if cell.id not in finished]
    if not left:
        return
    if not began and job.id not in again:  # the worker may have died before it was given the job
        again.add(job.id)
        waiting.appendleft(job)
    elif len(job.cells) > 1:
        tell(Split(job))
        waiting.extendleft(Job((cell,)) for cell in reversed(left))
    else:
        tell(Finished(job, job.lost(left[0], why.status, why.reason, hand.device)))


class _Cause(NamedTuple):
    status: Status
    reason: str


class _Done(NamedTuple):
    """A worker's last word on a job."""


class _Broken(NamedTuple):
    """A worker's last word of all."""

    reason: str


class _Hand:
    """One worker as the driver sees it."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.device = setting.device
        self.job: Job | None = None
        self.table = ""
        self.finished: set[str] = set()  # ids of the job's cells that are over
        self._since: float | None = None  # when it was last heard of; the limit does not count what comes before
        self.start()

    def start(self) -> None:
        """A new process."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._setting, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.job, self.table, self._dead = None, "", False
        self.why = _Cause("failed", "")

    def give(self, job: Job) -> None:
        """A job to do."""
        self.job, self.table, self.finished = job, job.cells[0].table, set()
        self._since = None
        try:
            self.connection.send(job)
        except OSError:  # it is dead, which is noticed as soon as one listens
            return

    @property
    def began(self) -> bool:
        """Whether it has said anything about its job: a worker may have died before it was given one."""
        return self._since is not None

    def listen(self, tell: Tell, waiting: deque[Job]) -> None:
        """Pass on what the worker says; a job that it wants split is put back."""
        while self.job is not None and (said := self._heard()) is not None:
            if isinstance(said, _Done):
                self.job = None
                return
            if isinstance(said, _Broken):
                self.why = _Cause("failed", said.reason)
                continue
            if isinstance(said, Began | Stepped | Finished):
                self._since = time.monotonic()  # a sign of life; before the first, data may take what they take
            if isinstance(said, Finished):
                self.finished.add(said.record.id)
            if isinstance(said, Skipped):
                self.table = ""
            tell(said)
            if isinstance(said, Split):
                waiting.extendleft(reversed(said.parts()))

    def _heard(self) -> Event | _Done | _Broken | None:
        """The next thing that the worker has said; none if there is none, or if it is dead."""
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
        """Whether the worker died over its job, or takes so long that it is made to."""
        if self.job is None:
            return False
        if self._dead:
            return True
        silent = 0.0 if self._since is None else time.monotonic() - self._since
        if limit is not None and silent > limit + GRACE:  # a sound group is heard of many times in one limit
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
    worker.learn()
    while True:
        try:
            job = connection.recv()
            worker.run(job, connection.send)
            connection.send(_Done())
        except (EOFError, BrokenPipeError, ConnectionResetError):  # the driver is gone
            return
        except Exception as error:  # this process is of no more use, as after an error of its device
            connection.send(_Broken(f"{type(error).__name__}: {error}"))
            raise


def _follow() -> None:
    """Die with the driver, whatever it dies of."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers have one"
    parent.join()
    os._exit(1)
