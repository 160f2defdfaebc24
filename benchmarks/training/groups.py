"""How a group of cells trains: all cells at once, or in halves where that fails."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence

import torch

from benchmarks.records.record import Cell, Record
from benchmarks.training.engines.engine import Engine
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Callbacks, Keep, Loaded, Progress
from benchmarks.training.machine.devices import free_memory
from benchmarks.training.pace import Pace
from benchmarks.training.train import train

logger = logging.getLogger(__name__)


def train_group(
    cells: Sequence[Cell],
    loaded: Loaded,
    progress: Progress | None = None,
    keep: Keep | None = None,
    limit: float | None = None,
    pace: Pace | None = None,
) -> Iterator[Record]:
    """Train cells that `benchmarks.running.grouping` put together, and yield their records.

    A group that fails is halved, again and again, so that in the end only the cells at fault fail. Where memory was
    short, later groups of such cells have the size that fitted.

    Args:
        cells: the group.
        loaded: their suite and its data.
        progress: is told how many steps are done.
        keep: gets every cell's model in the state of the selected checkpoint.
        limit: seconds that a cell may take.
        pace: remembers how fast cells of this suite are and how many fit; of several groups, one and the same.

    Raises:
        Exception: this process can no longer use the device, or other processes wait for this one in vain.
    """
    pace = Pace(loaded) if pace is None else pace
    most = pace.fitting(cells)
    if len(cells) > most:
        for start in range(0, len(cells), most):
            yield from train_group(cells[start : start + most], loaded, progress, keep, limit, pace)
        return
    try:
        records = train(cells, loaded, lambda: _engine(cells, loaded, pace), Callbacks(progress, keep), limit)
    except Exception as error:
        if len(cells) == 1:
            raise
        logger.info("%d replicas of %s are halved: %s", len(cells), cells[0].suite, error)
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            pace.note_too_many(cells)
    else:
        yield from records
        return
    # Outside of the handler, whose exception holds on to everything that the group had allocated.
    gc.collect()
    free_memory(loaded.device)
    middle = len(cells) // 2
    for half in (cells[:middle], cells[middle:]):
        yield from train_group(half, loaded, progress, keep, limit, pace)


def _engine(cells: Sequence[Cell], loaded: Loaded, pace: Pace) -> Engine:
    if len(cells) == 1:
        return Alone(cells[0], loaded.suite, loaded.splits.train, loaded.device, loaded.world)
    clocks = [pace.clock(cell) for cell in cells]
    return Replicas(cells, loaded.suite, loaded.splits.train, loaded.device, clocks)
