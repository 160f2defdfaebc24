"""Which cells can train together, and how a group is trained: all at once, or in parts where that fails."""

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
from benchmarks.training.loaded import Keep, Loaded, Progress, Watch
from benchmarks.training.machine.devices import require_alive
from benchmarks.training.pace import Trials
from benchmarks.training.train import train

# Cells that agree in these take steps of one kind, whatever their methods, numbers and seeds.
STEP = ROLES - {Role.LABEL, Role.METHOD, Role.POINT, Role.RATE, Role.REPETITION}
ACROSS_PLACES = Need.LOSSES | Need.LOSSES_AFTER | Need.GRAMIAN  # needs that can be measured at any place

logger = logging.getLogger(__name__)


def grouped(cells: Iterable[Cell], replicable: Callable[[Cell], bool], most: int, workers: int = 1) -> list[list[Cell]]:
    """Cells in groups of at most ``most`` that may train together, in the order of their first ones.

    They differ in seed, learning rate, method and hyperparameters alone, and their methods need the same of a step. If
    there are fewer groups than ``workers``, the largest are halved.
    """
    groups: dict[Any, list[Cell]] = {}
    for number, cell in enumerate(cells):
        key = alike(cell) if most > 1 and replicable(cell) and stackable(cell) else number
        groups.setdefault(key, []).append(cell)
    found = [
        together[start : start + most]
        for together in (sorted(group, key=_neighbours) for group in groups.values())
        for start in range(0, len(together), most)
    ]
    while len(found) < workers and (largest := max(found, key=len, default=[])) and len(largest) > 1:
        place, middle = found.index(largest), len(largest) // 2
        found[place : place + 1] = [largest[:middle], largest[middle:]]
    return found


def _neighbours(cell: Cell) -> tuple[str, str]:
    """Cells with the same method stand side by side, so that it is asked about all of them at once."""
    return cell.row, repr(sorted(cell.hyperparameters.items()))


def alike(cell: Cell) -> tuple[object, ...]:
    """What cells that train together have in common."""
    method = _method(cell)
    alike = cell.facts(STEP)
    # A wrapped method may need less in some steps than in others; those wrapped alike do so in the same steps.
    return alike, method.needs, cell.balancer if isinstance(method, Wrapper) else ""


def _method(cell: Cell) -> Weighting:
    return create(cell.balancer, **cell.hyperparameters)


def stackable(cell: Cell) -> bool:
    """Whether a cell's method runs as replicas.

    Not one that stands between encoder and heads, or that TorchJD remembers; and of those that look at more than losses
    and a Gramian, none at an unusual place, which is for a balancer to judge.
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
    trials: Trials | None = None,
) -> Iterator[Record]:
    """The records of cells that `grouped` put together.

    A group that fails for whatever reason is halved, so that in the end only the cells at fault fail; after a lack of
    memory later groups like it are of the size that fitted. A cell may take ``limit`` seconds.

    Raises:
        Exception: the device is of no more use to this process, or other processes wait for this one in vain.
    """
    trials = Trials(loaded) if trials is None else trials
    most = trials.fitting(cells)
    if len(cells) > most:
        for start in range(0, len(cells), most):
            yield from train_group(cells[start : start + most], loaded, progress, keep, limit, trials)
        return
    try:
        records = train(cells, loaded, lambda: _engine(cells, loaded, trials), Watch(progress, keep, limit))
    except Exception as error:
        if len(cells) == 1:
            raise
        logger.info("%d replicas of %s are split: %s", len(cells), cells[0].suite, error)
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            trials.note_too_many(cells)
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
        yield from train_group(half, loaded, progress, keep, limit, trials)


def _engine(cells: Sequence[Cell], loaded: Loaded, trials: Trials) -> Engine:
    if len(cells) == 1:
        return Alone(cells[0], loaded.suite, loaded.splits.train, loaded.device, loaded.world)
    clocks = [trials.clock(cell) for cell in cells]
    return Replicas(cells, loaded.suite, loaded.splits.train, loaded.device, clocks)
