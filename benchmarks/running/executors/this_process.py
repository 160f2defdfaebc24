"""Jobs one after the other in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from benchmarks.running.executors.base import Divided, Event, Executor, Job, Setting, Tell
from benchmarks.running.executors.worker import Worker
from benchmarks.training.machine.data_parallel import World


class Here(Executor):
    """The simplest executor: for tests, for debuggers, and for machines with one core.

    Each process of a data-parallel run has one; all of them train the same jobs in the same order.
    """

    def __init__(self, setting: Setting, world: World = World()) -> None:  # noqa: B008
        super().__init__(setting)
        self.world = world

    def run(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Train the jobs in order."""
        worker, waiting = Worker(self.setting, self.world), deque(jobs)

        def listen(event: Event) -> None:
            tell(event)
            if isinstance(event, Divided):
                waiting.extendleft(reversed(event.parts()))

        while waiting:
            worker.run(waiting.popleft(), listen)
