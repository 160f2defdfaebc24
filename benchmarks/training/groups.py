"""Which cells can train together, and how a group trains: all cells at once, or in halves where that fails."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from balancers import Need, Sizes, Weighting, create
from balancers.wrappers.wrapper import Wrapper
from benchmarks.records.record import ROLES, Cell, Record, Role
from benchmarks.training.engines.engine import Engine
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Callbacks, Keep, Loaded, Progress
from benchmarks.training.machine.devices import require_alive
from benchmarks.training.pace import Pace
from benchmarks.training.train import train

# Cells that agree in these can take their steps together: all fields that affect time or memory, but the method.
STEP = ROLES - {Role.LABEL, Role.METHOD, Role.POINT, Role.RATE, Role.REPETITION}
ACROSS_PLACES = Need.LOSSES | Need.LOSSES_AFTER | Need.GRAMIAN  # needs that replicas can measure at any place

logger = logging.getLogger(__name__)


def grouped(cells: Iterable[Cell], replicable: Callable[[Cell], bool], most: int, workers: int = 1) -> list[list[Cell]]:
    """Groups of at most ``most`` cells that can train together, in the order of their first cells.

    The cells of a group differ in seed, learning rate, method and hyperparameters alone, and their methods need the
    same of a step. If there are fewer groups than ``workers``, the largest are halved.
    """
    compatible: dict[Any, list[Cell]] = {}
    for number, cell in enumerate(cells):
        key = grouping_key(cell) if most > 1 and replicable(cell) and stackable(cell) else number
        compatible.setdefault(key, []).append(cell)
    groups = [
        together[start : start + most]
        for together in (sorted(cells, key=_neighbours) for cells in compatible.values())
        for start in range(0, len(together), most)
    ]
    while len(groups) < workers and (largest := max(groups, key=len, default=[])) and len(largest) > 1:
        position, middle = groups.index(largest), len(largest) // 2
        groups[position : position + 1] = [largest[:middle], largest[middle:]]
    return groups


def _neighbours(cell: Cell) -> tuple[str, str]:
    """A sort key that puts cells with the same method side by side, so that it finds their weights in one call."""
    return cell.row, repr(sorted(cell.hyperparameters.items()))


def grouping_key(cell: Cell) -> tuple[object, ...]:
    """A key that is equal for cells that can train together."""
    method = _method(cell)
    # A wrapped method may need less in some steps than in others; those wrapped alike do so in the same steps.
    return cell.facts(STEP), method.needs, cell.balancer if isinstance(method, Wrapper) else ""


def _method(cell: Cell) -> Weighting:
    return create(cell.balancer, **cell.hyperparameters)


def stackable(cell: Cell) -> bool:
    """Whether a cell's method can run on replicas.

    A method cannot if it stands between encoder and heads, if TorchJD keeps its memory, or if it looks at more than
    losses and a Gramian and its place is not the usual one, "shared".
    """
    method, tasks = _method(cell), len(cell.tasks)
    if method.needs & ~ACROSS_PLACES and (cell.place != "shared" or cell.heads == "weighted"):
        return False
    try:
        state = method.init(Sizes(tasks, batch=(2,)))
    except ValueError:
        return False
    return method.adapt(torch.zeros(1, 1), method.init(Sizes(tasks, width=1))) is None and state is not None


def train_group(
    cells: Sequence[Cell],
    loaded: Loaded,
    progress: Progress | None = None,
    keep: Keep | None = None,
    limit: float | None = None,
    pace: Pace | None = None,
) -> Iterator[Record]:
    """Train cells that `grouped` put together, and yield their records.

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
    if loaded.device.type == "cuda":
        require_alive(loaded.device)
        torch.cuda.empty_cache()
    middle = len(cells) // 2
    for half in (cells[:middle], cells[middle:]):
        yield from train_group(half, loaded, progress, keep, limit, pace)


def _engine(cells: Sequence[Cell], loaded: Loaded, pace: Pace) -> Engine:
    if len(cells) == 1:
        return Alone(cells[0], loaded.suite, loaded.splits.train, loaded.device, loaded.world)
    clocks = [pace.clock(cell) for cell in cells]
    return Replicas(cells, loaded.suite, loaded.splits.train, loaded.device, clocks)
