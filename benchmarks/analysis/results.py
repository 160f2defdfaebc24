"""A results folder as tables, charts and report read it: records of one setting, their aggregates, and what lacks."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.comparison import Deltas, Gain, chosen, gains
from benchmarks.analysis.fronts import WeightFront, fronts
from benchmarks.analysis.summaries import Aggregates
from benchmarks.protocols.expand import expand
from benchmarks.protocols.files import COPY, of_results
from benchmarks.protocols.schema import Protocol
from benchmarks.records import selection, store
from benchmarks.records.record import FRONT, Cell, Record, Scalars
from benchmarks.records.selection import Search
from benchmarks.training import trivial_baseline
from tasks import registry
from tasks.base import Suite

DEFAULT_EQUAL_WEIGHTS = "fixed"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """What a results folder says."""

    searches: tuple[Search, ...]  # of all rows; of one setting alone where nothing was searched
    front: tuple[Record, ...]  # of the fixed weights that stand for the front of weighted sums
    aggregates: Aggregates
    skipped: dict[str, str]  # suite -> why it could not be run
    set_aside: int  # records of other settings that are left out, because they cannot be compared
    protocol: Protocol | None
    protocol_text: str  # as it stands in its file; empty if there is none
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
        return 1 if self.protocol is None else self.protocol.trials

    @property
    def unfinished(self) -> int:
        """How many searches lack settings that the protocol wants tried."""
        return sum(len(search.tried) < self.wanted for search in self.searches)

    @property
    def tuned_weights(self) -> str | None:
        """The row of tuned fixed weights, if it was run."""
        return self._run(self.protocol and self.protocol.tuned_reference)

    @property
    def noise_floor(self) -> str | None:
        """The row of equal weights with other seeds, likewise."""
        return self._run(self.protocol and self.protocol.noise_floor)

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


def read_results(folder: Path) -> Results:
    """Read a results folder.

    Raises:
        ValueError: it holds no record.
    """
    records = store.load(folder) if folder.is_dir() else []
    if not records:
        raise ValueError(
            f"{folder} holds no records, so there is nothing to show; run `make bench`, or "
            f"`python -m benchmarks run`, first"
        )
    protocol = of_results(folder)
    wanted = protocol.trials if protocol is not None else math.inf
    counting = [record for record in records if record.cell.trial < wanted or record.cell.row == FRONT]
    kept = comparable(counting, asked_for(protocol))
    if len(kept) < len(records):
        logger.warning("%d records in %s are of other settings and are left out", len(records) - len(kept), folder)
    trials = [record for record in kept if record.cell.row != FRONT]
    searches = selection.searches(trials, selection.each_alone if protocol is None else protocol.searches_once)
    counted = [record for search in searches for record in search.chosen]
    return Results(
        searches=tuple(searches),
        front=tuple(record for record in kept if record.cell.row == FRONT),
        aggregates=aggregate(counted, *_reading(protocol)),
        skipped=_texts(folder / "skipped.json"),
        set_aside=len(records) - len(kept),
        protocol=protocol,
        protocol_text=(folder / COPY).read_text(encoding="utf-8") if protocol is not None else "",
        environment=_texts(folder / "environment.json") or max(kept, key=lambda r: r.finished).environment,
        constants=trivial_baseline.load(folder, [record.cell for record in counted]),
    )


def _reading(protocol: Protocol | None) -> tuple[str, list[str]]:
    """The row of equal weights, and the order of suites and rows."""
    if protocol is None:
        return DEFAULT_EQUAL_WEIGHTS, []
    return protocol.cost_reference, [*protocol.suites, *protocol.methods]


def problem(record: Record) -> Suite | None:
    """The suite that a record is about, with its options; none if it is not known here (it came from a plug-in)."""
    if record.cell.suite not in registry.names():
        return None
    return registry.create(record.cell.suite, **record.cell.suite_options)


def asked_for(protocol: Protocol | None) -> set[str]:
    """The ids of the cells that a protocol asks for first; none if it names what is not known here, as of a plug-in."""
    try:
        return set() if protocol is None else {cell.id for cell in expand(protocol)}
    except ValueError:
        return set()


def comparable(records: Sequence[Record], asked: Collection[str] = ()) -> list[Record]:
    """The records that share the setting of those in ``asked``, by id, or where none is, the newest setting.

    That is, of each suite its version, options, training and device, of each row its method and its version, and of
    each trial its point of the search.

    A folder gathers records of several settings when a protocol is edited between two runs. Their numbers must not
    meet in one mean.
    """
    for group, setting in ((_suite_of, training), (_row_of, _method), (_trial_of, _point)):
        chosen = _chosen(records, group, setting, asked)
        records = [record for record in records if setting(record) == chosen[group(record.cell)]]
    return list(records)


def _chosen(
    records: Sequence[Record],
    group: Callable[[Cell], Hashable],
    setting: Callable[[Record], str],
    asked: Collection[str],
) -> dict[Hashable, str]:
    ordered = sorted(records, key=lambda record: (record.id in asked, record.finished))
    return {group(record.cell): setting(record) for record in ordered}


def _suite_of(cell: Cell) -> Hashable:
    return cell.problem


def _row_of(cell: Cell) -> Hashable:
    return cell.problem, cell.row, cell.tasks


def _trial_of(cell: Cell) -> Hashable:
    return cell.problem, cell.row, cell.tasks, cell.trial


def training(record: Record) -> str:
    """What all runs of a suite have in common that can be compared."""
    facts = {
        "suite_version",
        "suite_options",
        "optimizer",
        "batch_size",
        "steps",
        "epochs",
        "halve_at",
        "evaluations",
        "precision",
    }
    return record.cell.model_dump_json(include=facts) + record.environment.get("device", "")


def _method(record: Record) -> str:
    return record.cell.model_dump_json(include={"balancer", "balancer_version", "heads", "place"})


def _point(record: Record) -> str:
    """Where a trial is: learning rates are searched from the second on; before, several may stand beside each other."""
    rate = {"learning_rate"} if record.cell.trial and record.cell.row != FRONT else set()
    return record.cell.model_dump_json(include={"hyperparameters"} | rate)


def _texts(path: Path) -> dict[str, str]:
    """A flat JSON object as texts; empty if the file is not there."""
    if not path.is_file():
        return {}
    return {str(key): str(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
