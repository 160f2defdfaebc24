"""Which cells can train together, and how a group is trained: all at once, or alone where that is faster or needed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import torch

from balancers import Sizes, Weighting, create
from balancers.wrapping import Wrapper
from benchmarks.alone import Alone
from benchmarks.engine import Engine
from benchmarks.records import Cell, Record
from benchmarks.replicas.engine import Replicas
from benchmarks.train import Keep, Loaded, Progress, Watch, train

WARM_UP, TIMED = 2, 4  # steps of a trial

logger = logging.getLogger(__name__)


def grouped(cells: Iterable[Cell], replicable: Callable[[Cell], bool], most: int) -> list[list[Cell]]:
    """Cells in groups of at most ``most`` that may train together, in the order of their first ones.

    They differ in seed, learning rate, method and hyperparameters alone, and their methods need the same of a step.
    """
    groups: dict[Any, list[Cell]] = {}
    for number, cell in enumerate(cells):
        key = alike(cell) if most > 1 and replicable(cell) and stackable(_method(cell)) else number
        groups.setdefault(key, []).append(cell)
    return [
        together[start : start + most]
        for together in (sorted(group, key=_neighbours) for group in groups.values())
        for start in range(0, len(together), most)
    ]


def _neighbours(cell: Cell) -> tuple[str, str]:
    """Cells with the same method stand side by side, so that it is asked about all of them at once."""
    return cell.row, repr(sorted(cell.hyperparameters.items()))


def alike(cell: Cell) -> tuple[object, ...]:
    """What cells that train together have in common."""
    method = _method(cell)
    alike = cell.model_dump_json(
        exclude={"seed", "learning_rate", "row", "balancer", "balancer_version", "hyperparameters"}
    )
    # A wrapped method may need less in some steps than in others; those wrapped alike do so in the same steps.
    return alike, method.needs, cell.balancer if isinstance(method, Wrapper) else ""


def _method(cell: Cell) -> Weighting:
    return create(cell.balancer, **cell.hyperparameters)


@cache
def stackable(method: Weighting) -> bool:
    """Whether a method runs replicas. Not one that stands between encoder and heads, or that TorchJD remembers."""
    try:
        state = method.init(Sizes(2, batch=(2,)))
    except ValueError:
        return False
    return method.adapt(torch.zeros(1, 1), method.init(Sizes(2, width=1))) is None and state is not None


def train_group(
    cells: Sequence[Cell],
    loaded: Loaded,
    progress: Progress | None = None,
    keep: Keep | None = None,
    limit: float | None = None,
) -> Iterator[Record]:
    """The records of cells that `grouped` put together.

    A group that fails for whatever reason, such as a lack of memory, is halved, so that in the end only the cells at
    fault fail. A cell may take ``limit`` seconds.
    """
    try:
        yield from train(cells, loaded, lambda: _engine(cells, loaded), Watch(progress, keep, limit))
    except Exception as error:
        logger.info("%d replicas of %s are split: %s", len(cells), cells[0].suite, error)
        if loaded.device.type == "cuda":
            torch.cuda.empty_cache()
        middle = len(cells) // 2
        for half in (cells[:middle], cells[middle:]):
            yield from train_group(half, loaded, progress, keep, limit)


def _engine(cells: Sequence[Cell], loaded: Loaded) -> Engine:
    """Replicas for several cells, and on a GPU, where they are never slower, for one as well if it can be."""
    on_gpu = loaded.device.type == "cuda" and loaded.world.size == 1
    if len(cells) > 1 or (on_gpu and loaded.suite.replicable and stackable(_method(cells[0]))):
        return Replicas(cells, loaded.suite, loaded.splits.train, loaded.device)
    return _alone(cells[0], loaded)


def _alone(cell: Cell, loaded: Loaded) -> Alone:
    return Alone(cell, loaded.suite, loaded.splits.train, loaded.device, loaded.world)


def faster_together(cells: Sequence[Cell], loaded: Loaded) -> bool:
    """Whether a few steps of all together take less time than as many of each alone."""
    try:
        with torch.random.fork_rng(devices=[]):
            together = _seconds(lambda: Replicas(cells, loaded.suite, loaded.splits.train, loaded.device))
            alone = _seconds(lambda: _alone(cells[0], loaded))
    except Exception as error:  # what is wrong with it shows when it trains
        logger.info("no trial of %s: %s", cells[0].suite, error)
        return True
    return together < alone * len(cells)


def _seconds(make: Callable[[], Engine]) -> float:
    engine = make()
    for _ in range(WARM_UP):
        engine.step()
    began = time.perf_counter()
    for _ in range(TIMED):
        engine.step()
    return time.perf_counter() - began
