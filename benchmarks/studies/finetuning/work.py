"""Fine-tunings that are not there yet, one after the other or on local processes, with the time left."""

from __future__ import annotations

import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from time import perf_counter
from typing import NamedTuple

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmarks.running import plugins
from benchmarks.running.progress import duration, duration_left
from benchmarks.studies.finetuning.tuning import Job, Setting, Tuner, known
from benchmarks.words import plural

_tuner: Tuner | None = None  # of a worker process


class _Ended(NamedTuple):
    job: Job
    seconds: float
    reason: str  # why it failed; empty if it did not


def work(jobs: Sequence[Job], setting: Setting, workers: int, console: Console) -> dict[tuple[str, str], str]:
    """Run the jobs whose outcome is not there; an interruption loses those in flight alone.

    One that fails leaves no outcome, is told, and does not keep the others from running.

    Returns:
        Why jobs failed, by the cell's id and the task.

    Raises:
        ValueError: a process died.
        DataUnavailableError: the data cannot be had here.
    """
    waiting = [job for job in jobs if known(job, setting) is None]
    failed: dict[tuple[str, str], str] = {}
    if not waiting:
        return failed
    with _Display(waiting, len(jobs), workers, console) as display:
        for ended in _done(waiting, setting, workers):
            display.finish(ended)
            if ended.reason:
                failed[ended.job.cell.id, ended.job.task] = ended.reason
    return failed


def _done(jobs: Sequence[Job], setting: Setting, workers: int) -> Iterator[_Ended]:
    """The jobs as they end."""
    if workers < 2 or len(jobs) < 2:
        tuner = Tuner(setting)
        for job in jobs:
            yield _run(tuner, job)
        return
    pool = ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn"), _begin, (setting,))
    try:
        for future in as_completed([pool.submit(_work, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise ValueError(
            "a process that fine-tuned has died, probably for want of memory; what has finished is kept, and the same "
            "command goes on from there, with fewer --workers in less memory"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(setting: Setting) -> None:
    """Make a fresh process ready; Ctrl-C ends it without a word, because the driver has the last one."""
    global _tuner  # noqa: PLW0603 - a worker process has one for all its jobs
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for path in setting.plugins:
        plugins.load(path)
    if setting.threads is not None:
        torch.set_num_threads(setting.threads)
    _tuner = Tuner(setting)


def _work(job: Job) -> _Ended:
    assert _tuner is not None, "the process began with it"
    return _run(_tuner, job)


def _run(tuner: Tuner, job: Job) -> _Ended:
    tuner.load(job.cell)  # before the clock starts: it is for the first job of a suite alone
    began, reason = perf_counter(), ""
    try:
        tuner.run(job)
    except Exception as error:  # a suite's loss or metric can raise anything, hours into a study
        reason = f"{type(error).__name__}: {error}"
    return _Ended(job, perf_counter() - began, reason)


class _Display:
    """A bar in a terminal, a line per job elsewhere; the time left from what an epoch on each suite took so far."""

    def __init__(self, waiting: Sequence[Job], total: int, workers: int, console: Console) -> None:
        self._waiting, self._total = list(waiting), total
        self._workers = max(1, min(workers, len(waiting)))
        self._console = console
        self._spent: dict[str, list[tuple[float, int]]] = defaultdict(list)  # suite -> seconds and epochs
        columns = (TextColumn("fine-tunings"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._all = self._bar.add_task("", total=total, completed=total - len(waiting), note="")

    def __enter__(self) -> _Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def finish(self, ended: _Ended) -> None:
        """A job is over."""
        job, seconds, reason = ended
        self._waiting.remove(job)
        self._spent[job.cell.table].append((seconds, max(1, job.epochs)))
        number, left = self._total - len(self._waiting), duration_left(self._left())
        self._bar.update(self._all, completed=number, note=left)
        what = f"{job.cell.problem} {job.cell.row} {job.task}, seed {job.cell.seed}: {plural(job.epochs, 'epoch')}"
        if reason:
            line = f"{what}, failed ({reason})"
            self._console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
        elif not self._console.is_terminal:
            line = f"[{number}/{self._total}] {what}, {duration(seconds)}" + (f"; {left}" if left else "")
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> float:
        everything = [found for several in self._spent.values() for found in several]
        paces = [_pace(self._spent.get(job.cell.table) or everything) * max(1, job.epochs) for job in self._waiting]
        return sum(paces) / self._workers


def _pace(spent: Sequence[tuple[float, int]]) -> float:
    """Seconds of an epoch."""
    return sum(seconds for seconds, _ in spent) / sum(epochs for _, epochs in spent)
