"""Time functions against each other, on one CPU thread.

They take turns, so that a drift of the machine's speed hits all alike, and the time is the processor's, so that other
programs on the machine do not count.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import torch

Step = Callable[[], object]
Seconds = Callable[[], float]


class Effort(NamedTuple):
    """How long to measure a group of functions: about ``seconds``, but so many rounds."""

    seconds: float
    fewest: int = 3
    most: int = 40

    def times(self, factor: float) -> Effort:
        """The effort of so many times the seconds."""
        return self._replace(seconds=self.seconds * factor)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with torch on one thread, then on as many as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def alternate(
    steps: Mapping[str, Step], clear: Step, effort: Effort, clock: Seconds = time.process_time
) -> dict[str, float]:
    """Median seconds of every function; ``clear`` runs before each, outside of the timing.

    A function that raises ValueError the first time is left out: it is no case.

    Args:
        steps: the functions by name.
        clear: what to do before each.
        effort: how long to measure.
        clock: says what time it is in seconds: by default that of the processor.
    """
    able, took = {}, 0.0
    for name, step in steps.items():
        clear()
        try:
            took += seconds_of(step, clock)  # also warms up
        except ValueError:
            continue
        able[name] = step
    rounds = min(max(round(effort.seconds / max(took, 1e-9)), effort.fewest), effort.most)
    seconds: dict[str, list[float]] = {name: [] for name in able}
    gc.freeze()  # what is there already need not be looked at again
    gc.disable()  # a collection would hit one of them at random
    try:
        for _ in range(rounds):
            for name, step in able.items():
                clear()
                seconds[name].append(seconds_of(step, clock))
            gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: median(values) for name, values in seconds.items()}


def seconds_of(step: Step, clock: Seconds = time.process_time) -> float:
    """How long a function takes once: the processor, or by another clock."""
    began = clock()
    step()
    return clock() - began
