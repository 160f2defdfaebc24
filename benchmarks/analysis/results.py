"""A results folder as tables, charts and report read it: records of one setting, their aggregates, and what lacks."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.comparable import comparable
from benchmarks.analysis.comparison import Deltas, Gain, chosen, gains
from benchmarks.analysis.fronts import WeightFront, fronts
from benchmarks.analysis.summaries import Aggregates
from benchmarks.records import selection, store
from benchmarks.records.asked import EQUAL_WEIGHTS, PROTOCOL_COPY, Asked, read_asked
from benchmarks.records.record import FRONT, Record, Scalars
from benchmarks.records.selection import Search
from benchmarks.records.trivial import trivial_scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """What a results folder says."""

    searches: tuple[Search, ...]  # of all rows; of one setting alone where nothing was searched
    front: tuple[Record, ...]  # of the fixed weights that stand for the front of weighted sums
    aggregates: Aggregates
    skipped: dict[str, str]  # suite -> why it could not be run
    set_aside: int  # records of other settings that are left out, because they cannot be compared
    asked: Asked
    protocol_text: str  # the protocol as it stands in its file; empty if there is none
    environment: dict[str, str]
    constants: dict[str, Scalars] = field(default_factory=dict)  # suite -> what one answer to every example scores

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Those of the chosen settings, failed ones included."""
        return tuple(record for search in self.searches for record in search.chosen)

    @cached_property
    def trials(self) -> tuple[Record, ...]:
        """Those of all settings that were tried."""
        return tuple(record for search in self.searches for runs in search.tried.values() for record in runs)

    @property
    def wanted(self) -> int:
        """How many settings every search should have tried."""
        return self.asked.settings or 1

    @property
    def unfinished(self) -> int:
        """How many searches lack settings that the protocol wants tried."""
        return sum(len(search.tried) < self.wanted for search in self.searches)

    @property
    def tuned_weights(self) -> str | None:
        """The row of tuned fixed weights, if it was run."""
        return self._run(self.asked.tuned_weights)

    @property
    def noise_floor(self) -> str | None:
        """The row of equal weights with other seeds, likewise."""
        return self._run(self.asked.noise_floor)

    def _run(self, row: str | None) -> str | None:
        return row if any(record.cell.row == row for record in self.records) else None

    @property
    def reference(self) -> str:
        """The row that methods must beat: tuned fixed weights, or else equal weights."""
        return self.tuned_weights or self.aggregates.equal_weights

    def gains(self, reference: str = "", deltas: Deltas = chosen) -> list[Gain]:
        """Every row against the reference, or against another row."""
        exempt = [self.noise_floor] if self.noise_floor else []
        return gains(self.aggregates, reference or self.reference, exempt, deltas)

    def fronts(self) -> list[WeightFront]:
        """The fronts of fixed weights."""
        sums = {self.aggregates.equal_weights, self.tuned_weights, self.noise_floor} - {None}
        return fronts(self.aggregates.suites, self.records, self.front, sums)

    def of(self, suite: str) -> list[Record]:
        """The records of one suite."""
        return [record for record in self.records if record.cell.problem == suite]


def read_results(folder: Path, *, titled: bool = False) -> Results:
    """Read a results folder.

    Args:
        folder: it holds records, or an archive of them.
        titled: call rows as tables do (`Asked.title`), not as the protocol does; such cells have no id of their own.

    Raises:
        ValueError: it holds no record, or does not say what it was asked for although it has a protocol.
    """
    records = store.load(folder) if folder.is_dir() else []
    if not records:
        raise ValueError(
            f"{folder} holds no records, so there is nothing to show; run `make bench`, or "
            f"`python -m benchmarks run`, first"
        )
    asked = read_asked(folder)
    counted = counting(records, asked)
    if len(counted) < len(records):
        logger.warning("%d records in %s are of other settings and are left out", len(records) - len(counted), folder)
    if titled and not {EQUAL_WEIGHTS, f"{EQUAL_WEIGHTS}-again"} & {record.cell.row for record in records}:
        counted, asked = [_titled(record, asked) for record in counted], asked.titled()
    searches = selection.searches([record for record in counted if record.cell.row != FRONT], asked.searched_once)
    chosen_runs = [record for search in searches for record in search.chosen]
    protocol = folder / PROTOCOL_COPY
    return Results(
        searches=tuple(searches),
        front=tuple(record for record in counted if record.cell.row == FRONT),
        aggregates=aggregate(chosen_runs, asked.equal_weights, asked.order),
        skipped=_texts(folder / "skipped.json"),
        set_aside=len(records) - len(counted),
        asked=asked,
        protocol_text=protocol.read_text(encoding="utf-8") if protocol.is_file() else "",
        environment=_texts(folder / "environment.json") or max(counted, key=lambda r: r.finished).environment,
        constants=trivial_scores(folder, [record.cell for record in chosen_runs]),
    )


def _titled(record: Record, asked: Asked) -> Record:
    cell = record.cell.model_copy(update={"row": asked.title(record.cell.row)})
    return record.model_copy(update={"cell": cell})


def counting(records: Sequence[Record], asked: Asked) -> list[Record]:
    """The records that count: those that were asked for, and all that can be compared with them."""
    settings = math.inf if asked.settings is None else asked.settings
    wanted = [record for record in records if record.cell.trial < settings or record.cell.row == FRONT]
    return comparable(wanted, frozenset(asked.cells))


def _texts(path: Path) -> dict[str, str]:
    """A flat JSON object as texts; empty if the file is not there."""
    if not path.is_file():
        return {}
    return {str(key): str(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
