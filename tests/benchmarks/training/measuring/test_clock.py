"""What training steps and memory cost."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from benchmarks.training.measuring.clock import Clock, Spent

CPU = torch.device("cpu")


def test_steps_of_two_kinds_count_by_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("benchmarks.training.measuring.clock.perf_counter", lambda: now[0])
    clock = Clock(CPU)
    for step in range(9):
        clock.start("solve" if step % 4 == 0 else "keep")
        for part in ("forward", "backward", "optimizer"):
            now[0] += 10.0 if part == "backward" and step % 4 == 0 else 1.0
            clock.lap(part)
        clock.stop(0.5)
    clock.start("solve")  # the step in which a run breaks
    clock.lap("forward")
    cost = clock.cost(Spent(1.0, 0.5, 0.2, 1))
    assert cost is not None
    assert cost.forward == cost.optimizer == pytest.approx(1.0)
    assert cost.backward == pytest.approx((4 * 10 + 6 * 1) / 10)
    assert cost.step == pytest.approx(cost.backward + 2)
    assert cost.weighting == 0.5


GROWTH = """
import torch
from benchmarks.training.measuring.clock import PeakMemory

memory = PeakMemory(torch.device("cpu"))
before = memory.read()
large = torch.ones(64, 1024, 1024, dtype=torch.uint8)
print((memory.read() - before) / large.numel())
"""


def test_peak_memory_sees_a_large_tensor() -> None:
    """In a process of its own, whose peak so far is no other test's."""
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0.9
