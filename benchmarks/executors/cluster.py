"""Jobs on a Ray cluster: each is a task that Ray runs again elsewhere if its node is lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.environment import REPOSITORY
from benchmarks.executors.base import Began, Event, Executor, Finished, Job, Setting, Split, Stepped, Tell
from benchmarks.executors.worker import Worker
from benchmarks.train import unfinished

if TYPE_CHECKING:
    from ray import ObjectRef

RETRIES = 3  # after a lost node or a worker that died
POLL = 1.0  # seconds between two looks at what is ready
INSTALL = "pip install -c constraints.txt -e '.[ray]'"
LEFT_OUT = ["/.git", "/.venv", "/results", "**/__pycache__"]  # of the clone, when it is sent to the nodes


class Share(NamedTuple):
    """What a worker takes of its node."""

    cpus: float = 1.0
    gpus: float = 0.0  # a fraction lets several workers share a GPU


class Ray(Executor):
    """Tasks on the cluster at ``address``, or on one that is started here and stopped at the end.

    Results come back to the driver, which alone writes records: what was trained twice, because a node was lost, is
    written once. A driver that was ended goes on from its records like every other run.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, setting: Setting, address: str | None = None, share: Share = Share()) -> None:  # noqa: B008
        super().__init__(setting)
        self.address = address
        self.share = share

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Train the jobs; steps are not told of."""
        ray = self._connect()
        try:
            task = ray.remote(_train).options(
                num_cpus=self.share.cpus, num_gpus=self.share.gpus, max_retries=RETRIES, retry_exceptions=False
            )
            waiting: dict[ObjectRef, Job] = {task.remote(self.setting, job): job for job in jobs}
            for job in jobs:
                tell(Began(job))
            while waiting:
                ready, _ = ray.wait(list(waiting), timeout=POLL)
                for reference in ready:
                    again = _settle(ray, reference, waiting.pop(reference), tell)
                    waiting |= {task.remote(self.setting, job): job for job in again}
        finally:
            if self.address is None:
                ray.shutdown()

    def _connect(self) -> Any:
        try:
            import ray  # noqa: PLC0415 - it is an extra
        except ImportError as error:
            raise ValueError(f"the executor ray needs the package ray; install it: {INSTALL}") from error
        if not ray.is_initialized():
            try:
                ray.init(
                    address=self.address,
                    runtime_env={"working_dir": str(REPOSITORY), "excludes": LEFT_OUT},
                    include_dashboard=None if self.address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except ConnectionError as error:
                raise ValueError(f"there is no Ray cluster at {self.address}: {error}") from error
        return ray


def _settle(ray: Any, reference: ObjectRef, job: Job, tell: Tell) -> list[Job]:
    """Tell what came of a job, and return what is to be tried again: its cells one by one, if it was lost."""
    try:
        events: list[Event] = ray.get(reference)
    except ray.exceptions.RayError as error:
        cell, *more = job.cells
        if more:
            return Split(job).parts()
        reason = f"{RETRIES + 1} workers died over it ({type(error).__name__}); if memory ran out, give it more"
        tell(Finished(job, unfinished(cell, "failed", reason)))
        return []
    again: list[Job] = []
    for event in events:
        if isinstance(event, Split):
            again += event.parts()
        else:
            tell(event)
    return again


def _train(setting: Setting, job: Job) -> list[Event]:
    """What happens to a job, on a node; the data of the last suite stay in the worker's process."""
    heard: list[Event] = []
    _worker(setting).run(job, heard.append)
    return [event for event in heard if not isinstance(event, Began | Stepped)]


@cache
def _worker(setting: Setting) -> Worker:
    worker = Worker(setting)
    worker.prepare()
    return worker
