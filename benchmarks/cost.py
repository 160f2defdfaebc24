"""What training costs: seconds per step by part, and peak memory."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Hashable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from benchmarks.records import Cost

# Timing a step on a GPU means waiting for it; every tenth of a kind is timed, so that the others are not slowed.
CUDA_SAMPLE = 10

REPORTED = ("step", "forward", "backward", "weighting", "optimizer")


class Clock:
    """Times the parts of training steps: ``start``, then ``lap`` at the end of each part, then ``stop``.

    Steps may be of several kinds, as those of a method that finds new weights in every n-th step alone.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._counts: dict[Hashable, int] = {}
        self._parts: dict[Hashable, dict[str, list[float]]] = {}
        self._kind: Hashable = None
        self._running = False
        self._began = self._mark = 0.0

    def start(self, kind: Hashable = None) -> None:
        """A step of a kind begins."""
        count = self._counts.get(kind, 0)
        self._counts[kind] = count + 1
        self._kind = kind
        self._running = not self._cuda or count % CUDA_SAMPLE == 0
        if self._running:
            self._began = self._mark = self._now()

    def lap(self, part: str) -> None:
        """``part`` took the time since the last mark."""
        if self._running:
            now = self._now()
            self._note(part, now - self._mark)
            self._mark = now

    def stop(self, weighting: float) -> None:
        """The step is over; ``weighting`` seconds of it were the weighting's own mathematics."""
        if self._running:
            self._note("step", self._mark - self._began)
            self._note("weighting", weighting)

    def cost(self, total: float, peak_memory: int) -> Cost | None:
        """Medians over the timed steps of each kind, and their mean over all steps; none if there was no step."""
        finished = {kind: parts for kind, parts in self._parts.items() if "step" in parts}
        if not finished:
            return None
        steps = sum(self._counts[kind] for kind in finished)
        seconds = {
            part: sum(self._counts[kind] / steps * median(parts[part]) for kind, parts in finished.items())
            for part in REPORTED
        }
        return Cost(**seconds, total=total, peak_memory=peak_memory)

    def _note(self, part: str, seconds: float) -> None:
        self._parts.setdefault(self._kind, {}).setdefault(part, []).append(seconds)

    def _now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
        return perf_counter()


class PeakMemory:
    """Peak memory since construction, in bytes: of the process on a CPU, allocated by torch on a GPU.

    Where the kernel does not let the process reset its peak (not Linux, some containers), it is the peak since the
    process began.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            try:
                Path("/proc/self/clear_refs").write_text("5")
            except OSError:
                return

    def read(self) -> int:
        """The peak until now."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        except OSError:
            found = None
        if found:
            return int(found[1]) * 1024
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
