"""Jobs on a Ray cluster: each is a task that Ray runs again elsewhere if its node is lost."""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.running.executors.base import Began, Event, Executor, Finished, Job, Setting, Split, Stepped, Tell
from benchmarks.running.executors.worker import Worker
from benchmarks.training import environment

if TYPE_CHECKING:
    from ray import ObjectRef

RETRIES = 3  # after a lost node or a worker that died
POLL = 1.0  # seconds between two looks at what is ready, and at how large the cluster is
INSTALL = "pip install -c constraints.txt -e '.[ray]'"
LEFT_OUT = ["/.git", "/.venv", "/results", "**/__pycache__"]  # of the clone, when it is sent to the nodes

Plugins = tuple[tuple[str, str], ...]  # file name and text of each


class Share(NamedTuple):
    """What a worker takes of its node."""

    cpus: float = 1.0
    gpus: float = 0.0  # a fraction lets several workers share a GPU


class Ray(Executor):
    """Tasks on the cluster at ``address``, or on one that is started here and stopped at the end.

    Results come back to the driver, which alone writes records: what was trained twice, because a node was lost, is
    written once. A driver that was ended goes on from its records like every other run. The clone and plug-ins are
    sent along; data and models are where the nodes find the same folders.

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
        """Train the jobs; steps are not told of."""
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
            told = {environment.COMMIT: environment.commit()}
            try:
                ray.init(
                    address=self.address,
                    runtime_env={"working_dir": str(environment.REPOSITORY), "excludes": LEFT_OUT, "env_vars": told},
                    include_dashboard=None if self.address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except ConnectionError as error:
                raise ValueError(f"there is no Ray cluster at {self.address}: {error}") from error
        return ray

    def _width(self, ray: Any) -> int:
        """How many jobs the cluster has room for at present; one at least, so that it sees what is asked for."""
        resources = ray.cluster_resources()
        room = resources.get("CPU", 0.0) / self.share.cpus
        if self.share.gpus:
            room = min(room, resources.get("GPU", 0.0) / self.share.gpus)
        return max(1, int(room))

    def _settle(self, ray: Any, reference: ObjectRef, job: Job, tell: Tell) -> list[Job]:
        """Tell what came of a job, and return what is to be tried again: its cells one by one, if it was lost."""
        try:
            events: list[Event] = ray.get(reference)
        except ray.exceptions.RayTaskError as error:  # the program's own mistake: it would be made again
            self._lose(job, f"{type(error.cause).__name__}: {error.cause}", tell)
            return []
        except ray.exceptions.RayError as error:
            if len(job.cells) == 1:
                why = f"{RETRIES + 1} workers died over it ({type(error).__name__}); if memory ran out, give it more"
                self._lose(job, why, tell)
                return []
            events = [Split(job)]
        again: list[Job] = []
        for event in events:
            tell(event)
            if isinstance(event, Split):
                again += event.parts()
        return again

    def _lose(self, job: Job, reason: str, tell: Tell) -> None:
        for cell in job.cells:
            tell(Finished(job, job.lost(cell, "failed", reason, self.setting.device)))


def _train(setting: Setting, plugins: Plugins, job: Job) -> list[Event]:
    """What happens to a job, on a node; the data of the last suite stay in the worker's process."""
    heard: list[Event] = []
    _worker(setting, plugins).run(job, heard.append)
    return [event for event in heard if not isinstance(event, Began | Stepped)]


@cache
def _worker(setting: Setting, plugins: Plugins) -> Worker:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name, _ in plugins]
        for path, (_, text) in zip(paths, plugins, strict=True):
            path.write_text(text, encoding="utf-8")
        worker = Worker(setting._replace(plugins=tuple(paths)))
        worker.learn()
    return worker
