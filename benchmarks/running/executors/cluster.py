"""Jobs on a Ray cluster: each is a task that Ray runs again elsewhere if its node is lost."""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.running.executors.base import Began, Divided, Event, Executor, Finished, Job, Setting, Stepped, Tell
from benchmarks.running.executors.worker import Worker
from benchmarks.training.machine import environment

if TYPE_CHECKING:
    from ray import ObjectRef

RETRIES = 3  # after a lost node or a worker that died
POLL = 1.0  # seconds between two looks at finished tasks and at the size of the cluster
INSTALL = "pip install -c constraints.txt -e '.[ray]'"
LEFT_OUT = ["/.git", "/.venv", "/results", "**/__pycache__"]  # of the clone, when it is sent to the nodes

Plugins = tuple[tuple[str, str], ...]  # file name and text of each


class Share(NamedTuple):
    """The part of its node that a worker reserves."""

    cpus: float = 1.0
    gpus: float = 0.0  # a fraction lets several workers share a GPU


class Ray(Executor):
    """Tasks on the cluster at ``address``, or on one that is started here and stopped at the end.

    Results come back to the driver, which alone writes records: a cell that trains twice, because its node was lost, is
    written once. A driver that is started again goes on from its records like every other run. The clone and plug-ins
    are sent to the nodes; the folders of data and models must be the same on all nodes.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, setting: Setting, address: str | None = None, share: Share = Share()) -> None:  # noqa: B008
        super().__init__(setting._replace(plugins=()))
        self.address = address
        self.share = share
        self._plugins = tuple((path.name, path.read_text(encoding="utf-8")) for path in setting.plugins)

    def width(self) -> int:
        """How many jobs the cluster has room for at present."""
        return self._width(self._connect())

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Train the jobs; steps are not reported."""
        ray = self._connect()
        try:
            task = ray.remote(_train).options(
                num_cpus=self.share.cpus, num_gpus=self.share.gpus, max_retries=RETRIES, retry_exceptions=False
            )
            waiting = deque(jobs)
            running: dict[ObjectRef, Job] = {}
            while waiting or running:
                while waiting and len(running) < self._width(ray):
                    job = waiting.popleft()
                    running[task.remote(self.setting, self._plugins, job)] = job
                    tell(Began(job))
                ready, _ = ray.wait(list(running), timeout=POLL)
                for reference in ready:
                    waiting.extendleft(reversed(self._settle(ray, reference, running.pop(reference), tell)))
        finally:
            if self.address is None:
                ray.shutdown()

    def _connect(self) -> Any:
        try:
            import ray  # noqa: PLC0415 - it is an extra
        except ImportError as error:
            raise ValueError(f"the executor ray needs the package ray; install it: {INSTALL}") from error
        if not ray.is_initialized():
            runtime = {
                "working_dir": str(environment.REPOSITORY),
                "excludes": LEFT_OUT,
                "env_vars": {environment.COMMIT: environment.commit()},
            }
            try:
                ray.init(
                    address=self.address,
                    runtime_env=runtime,
                    include_dashboard=None if self.address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except ConnectionError as error:
                raise ValueError(f"there is no Ray cluster at {self.address}: {error}") from error
        return ray

    def _width(self, ray: Any) -> int:
        """How many jobs the cluster has room for at present; at least one, so that a cluster can grow on demand."""
        resources = ray.cluster_resources()
        room = resources.get("CPU", 0.0) / self.share.cpus
        if self.share.gpus:
            room = min(room, resources.get("GPU", 0.0) / self.share.gpus)
        return max(1, int(room))

    def _settle(self, ray: Any, reference: ObjectRef, job: Job, tell: Tell) -> list[Job]:
        """Report the events of a job, and return the jobs to run in its place: one per cell, if its worker was lost."""
        try:
            events: list[Event] = ray.get(reference)
        except ray.exceptions.RayTaskError as error:  # an error of the program, which would come again
            self._lose(job, f"{type(error.cause).__name__}: {error.cause}", tell)
            return []
        except ray.exceptions.RayError as error:
            if len(job.cells) == 1:
                why = f"{RETRIES + 1} workers died over it ({type(error).__name__}); if memory ran out, give it more"
                self._lose(job, why, tell)
                return []
            events = [Divided(job)]
        again: list[Job] = []
        for event in events:
            tell(event)
            if isinstance(event, Divided):
                again += event.parts()
        return again

    def _lose(self, job: Job, reason: str, tell: Tell) -> None:
        for cell in job.cells:
            tell(Finished(job, job.lost(cell, "failed", reason, self.setting.device)))


def _train(setting: Setting, plugins: Plugins, job: Job) -> list[Event]:
    """Train a job on a node, and return its events; the data of the last suite stay in the worker's process."""
    events: list[Event] = []
    _worker(setting, plugins).run(job, events.append)
    return [event for event in events if not isinstance(event, Began | Stepped)]


@cache
def _worker(setting: Setting, plugins: Plugins) -> Worker:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name, _ in plugins]
        for path, (_, text) in zip(paths, plugins, strict=True):
            path.write_text(text, encoding="utf-8")
        worker = Worker(setting._replace(plugins=tuple(paths)))
        worker.load_plugins()
    return worker
