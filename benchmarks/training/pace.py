"""A few steps of training, to see what they cost: alone for a record, and alone against together for the choice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import torch

from benchmarks.records.record import ROLES, Cell, Role
from benchmarks.training.engines.engine import Engine
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Loaded
from benchmarks.training.measuring.clock import Clock

WARM_UP = 2  # steps that are not timed
COST = 20  # steps for a record's cost
COMPARED = 4  # steps for the choice between together and alone
PACE = ROLES - {Role.LABEL, Role.METHOD, Role.POINT, Role.RATE, Role.REPETITION, Role.LENGTH}

logger = logging.getLogger(__name__)


class Trials:
    """What was found out about the cells of one suite; each question is answered once for cells that are alike."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._clocks: dict[str, Clock] = {}
        self._together: dict[tuple[str, int], bool] = {}
        self._most: dict[str, int] = {}

    def clock(self, cell: Cell) -> Clock:
        """The clock of a cell with this method that took some steps alone, or as many as it could."""
        key = _about(cell, cell.balancer)
        if key not in self._clocks:
            alone = self._alone(cell)
            try:
                for _ in range(WARM_UP):
                    alone.step()
                alone.clock = Clock(self._loaded.device, sample=1)
                for _ in range(COST):
                    alone.step()
            except Exception as error:  # what breaks here breaks again in training, and is told of there
                logger.info("no cost of %s: %s", cell.row, error)
            self._clocks[key] = alone.clock
        return self._clocks[key]

    def faster_together(self, cells: Sequence[Cell]) -> bool:
        """Whether steps of all together take less time than as many of each alone."""
        methods = "/".join(sorted({cell.balancer for cell in cells}))
        key = _about(cells[0], methods), len(cells)
        if key not in self._together:
            self._together[key] = self._compare(cells)
        return self._together[key]

    def _compare(self, cells: Sequence[Cell]) -> bool:
        loaded, kinds = self._loaded, {cell.balancer: cell for cell in cells}
        try:
            with torch.random.fork_rng(devices=[]):
                together = _seconds(lambda: Replicas(cells, loaded.suite, loaded.splits.train, loaded.device))
                alone = sum(_seconds(lambda cell=cell: self._alone(cell)) for cell in kinds.values()) / len(kinds)
        except Exception as error:  # what is wrong with it shows when it trains
            logger.info("no trial of %s: %s", cells[0].suite, error)
            return True
        return together < alone * len(cells)

    def fitting(self, cells: Sequence[Cell]) -> int:
        """How many cells like these train together, as far as is known; all of them if nothing is."""
        return self._most.get(_about(cells[0]), len(cells))

    def note_too_many(self, cells: Sequence[Cell]) -> None:
        """So many did not fit into memory: half of them may."""
        self._most[_about(cells[0])] = max(1, len(cells) // 2)

    def _alone(self, cell: Cell) -> Alone:
        loaded = self._loaded
        return Alone(cell, loaded.suite, loaded.splits.train, loaded.device)


def _about(cell: Cell, method: str = "") -> str:
    """What matters to memory and time: everything but numbers that a run is started with."""
    return method + cell.facts(PACE)


def _seconds(make: Callable[[], Engine]) -> float:
    engine = make()
    for _ in range(WARM_UP):
        engine.step()
    began = time.perf_counter()
    for _ in range(COMPARED):
        engine.step()
    return time.perf_counter() - began
