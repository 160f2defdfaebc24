"""A few timed steps: their cost for records, and whether cells train faster together or alone."""

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


class Pace:
    """How fast the cells of one suite train and how many fit into memory; cells that are alike are timed once."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._clocks: dict[str, Clock] = {}
        self._together: dict[tuple[str, int], bool] = {}
        self._most: dict[str, int] = {}

    def clock(self, cell: Cell) -> Clock:
        """The clock of a few steps that a cell takes alone; of fewer, if one of them fails."""
        key = _timing_key(cell, cell.balancer)
        if key not in self._clocks:
            alone = self._alone(cell)
            try:
                for _ in range(WARM_UP):
                    alone.step()
                alone.clock = Clock(self._loaded.device, sample=1)
                for _ in range(COST):
                    alone.step()
            except Exception as error:  # it fails again in training, where the record says so
                logger.info("no cost of %s: %s", cell.row, error)
            self._clocks[key] = alone.clock
        return self._clocks[key]

    def faster_together(self, cells: Sequence[Cell]) -> bool:
        """Whether a step of all cells together takes less time than a step of each cell alone."""
        methods = "/".join(sorted({cell.balancer for cell in cells}))
        key = _timing_key(cells[0], methods), len(cells)
        if key not in self._together:
            self._together[key] = self._compare(cells)
        return self._together[key]

    def _compare(self, cells: Sequence[Cell]) -> bool:
        loaded, kinds = self._loaded, {cell.balancer: cell for cell in cells}
        try:
            with torch.random.fork_rng(devices=[]):
                together = _seconds(lambda: Replicas(cells, loaded.suite, loaded.splits.train, loaded.device))
                alone = sum(_seconds(lambda cell=cell: self._alone(cell)) for cell in kinds.values()) / len(kinds)
        except Exception as error:  # it fails again in training, where the record says so
            logger.info("no comparison of the pace of %s: %s", cells[0].suite, error)
            return True
        return together < alone * len(cells)

    def fitting(self, cells: Sequence[Cell]) -> int:
        """How many cells like these fit into memory together; all of them as long as nothing else is known."""
        return self._most.get(_timing_key(cells[0]), len(cells))

    def note_too_many(self, cells: Sequence[Cell]) -> None:
        """Note that the cells did not fit into memory together; half of them may."""
        self._most[_timing_key(cells[0])] = max(1, len(cells) // 2)

    def _alone(self, cell: Cell) -> Alone:
        loaded = self._loaded
        return Alone(cell, loaded.suite, loaded.splits.train, loaded.device)


def _timing_key(cell: Cell, method: str = "") -> str:
    """All fields that affect time or memory, as a text."""
    return method + cell.facts(PACE)


def _seconds(make: Callable[[], Engine]) -> float:
    engine = make()
    for _ in range(WARM_UP):
        engine.step()
    began = time.perf_counter()
    for _ in range(COMPARED):
        engine.step()
    return time.perf_counter() - began
