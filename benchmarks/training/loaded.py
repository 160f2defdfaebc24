"""What a training starts from: a suite with its data on a device, and the callbacks of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from benchmarks.records.record import Cell
from benchmarks.training.engines.engine import Engine
from benchmarks.training.machine.data_parallel import World
from tasks.base import MultiTaskModel, Splits, Suite

Progress = Callable[[int, int], None]  # (steps done, all steps)
Keep = Callable[[Cell, MultiTaskModel], None]
MakeEngine = Callable[[], Engine]


@dataclass(frozen=True)
class Loaded:
    """A suite with its data on a device, and the processes that train data-parallel."""

    suite: Suite
    splits: Splits
    device: torch.device
    world: World = field(default_factory=World)


def data_key(cell: Cell) -> str:
    """A text that is equal for two cells if they use the same data, so that the data of one serve the other."""
    return repr((cell.suite, cell.suite_options))


class Callbacks(NamedTuple):
    """Functions that a training calls.

    Attributes:
        progress: is told how many steps are done.
        keep: gets every cell's model in the state of the selected checkpoint.
    """

    progress: Progress | None = None
    keep: Keep | None = None
