"""What the driver of many runs does for every cell, whoever trains it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from benchmarks.records.record import Record
from benchmarks.records.store import Store, pack
from benchmarks.running.grouping import grouped

T = TypeVar("T")

COPIES = 4  # of every record
REPLICAS = 64


class Chore(NamedTuple):
    """Work of the driver, or room on its disk, for one cell."""

    what: str
    per_cell: float
    unit: str


def chores(protocol: str, seeds: int, records: Sequence[Record]) -> list[Chore]:
    """What the driver does for the cells of a protocol, and for records like these."""
    cells, expanding = _timed(lambda: expand(read(find(protocol)), Filters(seeds=seeds)))
    _, hashing = _timed(lambda: [cell.id for cell in cells])
    _, grouping = _timed(lambda: grouped(cells, lambda _: True, REPLICAS))
    times = {
        "expand the protocol": expanding / len(cells),
        "hash": hashing / len(cells),
        "find those that may train together": grouping / len(cells),
    }
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        _, writing = _timed(lambda: [store.write(record) for _ in range(COPIES) for record in records])
        _, reading = _timed(lambda: [store.read(record.cell) for _ in range(COPIES) for record in records])
        times |= {"write a record": writing / COPIES / len(records), "read it": reading / COPIES / len(records)}
        size = sum(store.path(record.cell).stat().st_size for record in records) / len(records)
        packed = pack(Path(folder)).stat().st_size / len(records)
    sizes = {"a record": size, "a record in the archive": packed}
    return [Chore(what, 1e3 * seconds, "ms") for what, seconds in times.items()] + [
        Chore(what, amount / 1e3, "kB") for what, amount in sizes.items()
    ]


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What some work returns, and the seconds that it takes."""
    began = time.perf_counter()
    value = work()
    return value, time.perf_counter() - began
