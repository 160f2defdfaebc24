"""Stopwatches: seconds of a training, seconds of each part of a step, and peak memory."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Hashable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import torch

from benchmarks.records.record import Cost
from benchmarks.training.machine import devices

SAMPLE = 10  # steps of a kind, of which one is timed on an accelerator: to time a step means to wait for it

WEIGHTING = "weighting"  # a part of the backward part
REPORTED = ("forward", "backward", WEIGHTING, "optimizer")


class Spent(NamedTuple):
    """Seconds and bytes that a cell took as a whole; see `Cost`."""

    total: float
    trained: float
    evaluated: float
    peak_memory: int


class Stopwatch:
    """Adds up the seconds between every `start` and the `stop` after it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def start(self) -> None:
        """From now on time counts."""
        self._started = perf_counter()

    def stop(self) -> None:
        """Time no longer counts."""
        self.seconds += perf_counter() - self._started


class Clock:
    """Times the parts of training steps: ``start``, then ``lap`` at the end of each part, then ``stop``.

    Steps can be of several kinds: a method may find new weights in every n-th step alone. On an accelerator one step
    in ``sample`` of each kind is timed.
    """

    def __init__(self, device: torch.device, sample: int = SAMPLE) -> None:
        self._device = device
        self._sample = sample if devices.on_accelerator(device) else 1
        self._counts: dict[Hashable, int] = {}
        self._parts: dict[Hashable, dict[str, list[float]]] = {}
        self._kind: Hashable = None
        self._running = False
        self._mark = 0.0

    def start(self, kind: Hashable = None) -> None:
        """Begin a step of a kind."""
        count = self._counts.get(kind, 0)
        self._counts[kind] = count + 1
        self._kind = kind
        self._running = count % self._sample == 0
        if self._running:
            self._mark = self._now()

    def lap(self, part: str) -> None:
        """End a part: it took the time since the part before."""
        if self._running:
            now = self._now()
            self._note(part, now - self._mark)
            self._mark = now

    def stop(self, weighting: float) -> None:
        """End the step; its weights took ``weighting`` seconds to compute, apart from the gradients."""
        if self._running:
            self._note(WEIGHTING, weighting)

    def cost(self, spent: Spent) -> Cost | None:
        """Medians over the timed steps of each kind, and their mean over all steps; none if there was no step.

        A step is the sum of its parts' medians, so that a disturbance of one part now and then does not count.
        """
        finished = {
            kind: {part: median(seconds) for part, seconds in parts.items()}
            for kind, parts in self._parts.items()
            if WEIGHTING in parts  # the last that is noted
        }
        if not finished:
            return None
        steps = sum(self._counts[kind] for kind in finished)
        shares = {kind: self._counts[kind] / steps for kind in finished}
        step = sum(shares[kind] * (sum(parts.values()) - parts[WEIGHTING]) for kind, parts in finished.items())
        parts = {part: sum(shares[kind] * medians[part] for kind, medians in finished.items()) for part in REPORTED}
        return Cost(step=step, **parts, **spent._asdict())

    def _note(self, part: str, seconds: float) -> None:
        self._parts.setdefault(self._kind, {}).setdefault(part, []).append(seconds)

    def _now(self) -> float:
        devices.synchronize(self._device)
        return perf_counter()


class PeakMemory:
    """Peak memory since construction, in bytes: of tensors on an accelerator, of the process on a CPU.

    It is the process's as well where torch does not count the memory of an accelerator (Apple's). Where the kernel
    does not let the process reset its peak (not Linux, some containers), it is the peak since the process began.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if devices.counts_memory(device):
            devices.reset_peak_memory(device)
        else:
            try:
                Path("/proc/self/clear_refs").write_text("5")
            except OSError:
                return

    def read(self) -> int:
        """The peak until now."""
        if devices.counts_memory(self._device):
            return devices.peak_memory(self._device)
        try:
            match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        except OSError:
            match = None
        if match:
            return int(match[1]) * 1024
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
