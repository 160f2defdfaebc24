"""Importing this registers tiny suites that are slow, die or hang, for tests of executors."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from tasks import registry
from tasks.base import DataUnavailableError, MultiTaskModel, Splits
from tests.benchmarks.tiny_suite import Tiny

DELAY = "TINY_DELAY"  # environment variable: seconds that every evaluation of a slow suite takes longer


@registry.register("tiny")
class Slow(Tiny):
    """Takes its time."""

    def snapshot(self, model: torch.nn.Module) -> dict[str, list[float]]:
        time.sleep(float(os.environ.get(DELAY, "0")))
        return {}


@registry.register("deadly")
class Deadly(Tiny):
    """Kills the process that trains seed 1."""

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        if seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().build(seed, tasks)


@registry.register("hanging")
class Hanging(Tiny):
    """Never ends for seed 1."""

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        if seed == 1:
            time.sleep(600)
        return super().build(seed, tasks)


@registry.register("nowhere")
class Nowhere(Tiny):
    """Has no data."""

    def load(self, data: Path | None = None) -> Splits:
        raise DataUnavailableError("the 48 points are nowhere to be found; write them down again")
