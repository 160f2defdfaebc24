"""What training costs: seconds per step by part, and peak memory."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from benchmarks.records import Cost

CUDA_SAMPLE = 10  # timing a step on a GPU means waiting for it; every tenth is timed, so that the others are not slowed

REPORTED = ("step", "forward", "backward", "weighting", "optimizer")


class Clock:
    """Times the parts of training steps: ``start``, then ``lap`` at the end of each part, then ``stop``."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._count = 0
        self._parts: dict[str, list[float]] = {}
        self._running = False
        self._began = self._mark = 0.0

    def start(self) -> None:
        """A step begins."""
        self._running = not self._cuda or self._count % CUDA_SAMPLE == 0
        self._count += 1
        if self._running:
            self._began = self._mark = self._now()

    def lap(self, part: str) -> None:
        """``part`` took the time since the last mark."""
        if self._running:
            now = self._now()
            self._parts.setdefault(part, []).append(now - self._mark)
            self._mark = now

    def stop(self, weighting: float) -> None:
        """The step is over; ``weighting`` seconds of it were the weighting's own mathematics."""
        if self._running:
            self._parts.setdefault("step", []).append(self._mark - self._began)
            self._parts.setdefault("weighting", []).append(weighting)

    def cost(self, total: float, peak_memory: int) -> Cost | None:
        """Medians over the timed steps; none if there was no step."""
        if "step" not in self._parts:
            return None
        seconds = {part: median(self._parts[part]) for part in REPORTED}
        return Cost(**seconds, total=total, peak_memory=peak_memory)

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
