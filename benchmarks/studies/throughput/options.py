"""What the throughput study measures, and the cells that it takes from a protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from benchmarks.records.record import Cell
from benchmarks.records.store import write_atomically

FILE = "options.json"


class ThroughputOptions(NamedTuple):
    """The options of the command ``throughput``.

    Attributes:
        protocol: name or path of the protocol that says what a run is; all of it is run once.
        suites: those whose rates are measured.
        methods: those whose rates are measured.
        replicas: how many runs train in one loop.
        seconds: about how long steps are timed for one rate; evaluations are timed for as long again.
        workers: how many local processes, and then how many nodes, train the same cells.
        worker_suite: the suite of these cells.
        worker_method: their method.
        worker_cells: how many they are.
        driver_protocol: name or path of the protocol whose cells show what the driver does for each.
        driver_seeds: how many seeds of it.
        device: auto, cpu, cuda, mps or xpu.
    """

    protocol: str = "quick"
    suites: tuple[str, ...] = ("plane", "gradnorm-regression-2", "multimnist")
    methods: tuple[str, ...] = ("fixed", "pcgrad")
    replicas: tuple[int, ...] = (1, 4, 16, 64)
    seconds: float = 4.0
    workers: tuple[int, ...] = (1, 2)
    worker_suite: str = "gradnorm-regression-2"
    worker_method: str = "pcgrad"
    worker_cells: int = 24
    driver_protocol: str = "standard"
    driver_seeds: int = 50
    device: str = "auto"

    def without_folders(self) -> ThroughputOptions:
        """The options with the file names of protocols instead of paths, as they may be published."""
        return self._replace(protocol=Path(self.protocol).name, driver_protocol=Path(self.driver_protocol).name)

    def save(self, folder: Path) -> None:
        """Write the options to a results folder."""
        write_atomically(folder / FILE, json.dumps(self._asdict(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> ThroughputOptions:
        """Read what `save` wrote; the defaults where it wrote nothing."""
        path = folder / FILE
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**values)._replace(**lists)

    def require_cells(self) -> None:
        """Check that everything can be measured, before hours go into it.

        Raises:
            ValueError: a protocol, suite or method is unknown, or a list is empty.
        """
        for name in ("suites", "methods", "replicas", "workers"):
            if not getattr(self, name):
                raise ValueError(f"--{name} is empty: name at least one")
        expand(read(find(self.driver_protocol)), Filters(seeds=1))
        pairs = [(suite, method) for suite in self.suites for method in self.methods]
        for suite, method in [*pairs, (self.worker_suite, self.worker_method)]:
            cells_of(self.protocol, suite, method, 1)


def cells_of(protocol: str, suite: str, method: str, seeds: int) -> list[Cell]:
    """The cells of a method on a suite, one per seed.

    Raises:
        ValueError: the protocol gives none.
    """
    expanded = expand(read(find(protocol)), Filters((method,), (suite,), seeds))
    cells = [cell for cell in expanded if cell.row == method]
    if not cells:
        raise ValueError(f"the protocol {protocol} has no runs of {method} on {suite}; choose others")
    return cells
