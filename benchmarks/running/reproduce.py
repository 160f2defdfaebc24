"""Repeats a run from its record, and compares the two."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from balancers import Balancer
from benchmarks.records import store
from benchmarks.records.agreement import Difference, circumstances, largest
from benchmarks.records.record import Cell, Record
from benchmarks.records.versions import version_of
from benchmarks.running.executors.base import Event, Finished, Job, Setting, Skipped
from benchmarks.running.executors.this_process import Here
from tasks import registry
from tasks.base import DataUnavailableError


class Reproduction(NamedTuple):
    """A run and its repetition."""

    record: Record
    again: Record
    difference: Difference | None  # the largest; none if one of the two did not finish
    circumstances: list[str]  # the facts of the environment that differ

    def agrees(self, tolerance: float) -> bool:
        """Whether both have the same status, and no metric differs by more than ``tolerance``, relative to its size."""
        alike = self.record.status == self.again.status
        return alike and (self.difference is None or self.difference.relative <= tolerance)

    def sentences(self, tolerance: float) -> list[str]:
        """The outcome in sentences, the verdict first."""
        first, second = self.record.status, self.again.status
        verdict = "It agrees" if self.agrees(tolerance) else "It does not agree"
        if first != second:
            sentences = [
                f"{verdict}: it was {first}, and now it is {second}{': ' * bool(self.again.reason)}{self.again.reason}."
            ]
        elif self.difference is None:
            sentences = [f"{verdict}: it is {second} again ({self.again.reason})."]
        elif not self.difference.relative:
            sentences = [f"{verdict} exactly: every metric is the same number."]
        else:
            sentences = [f"{verdict} within {tolerance:g}: the largest relative difference is {self.difference}."]
        if self.circumstances:
            sentences.append(f"Not the same were {'; '.join(self.circumstances)}.")
            if not self.agrees(tolerance):
                sentences.append(
                    "Each of these can change how sums are rounded, which chaotic problems amplify to any size."
                )
        return sentences


def find(name: str, folder: Path | None = None) -> Record:
    """A record by its file, or by its id in a results folder or its archive; the beginning of the id is enough.

    Raises:
        ValueError: there is no such record, or the ids of several begin like this.
    """
    path = Path(name)
    if path.is_file():
        try:
            return Record.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ValueError(f"{name} is not a record: {error.errors()[0]['msg']}") from error
    if folder is None:
        raise ValueError(f"there is no file {name}; for an id, say where with --results FOLDER")
    records = [record for record in store.load(folder) if record.id.startswith(name)]
    if len(records) != 1:
        what = "no record" if not records else f"{len(records)} records"
        raise ValueError(f"{folder} has {what} whose id begins with {name!r}; ids are the last part of file names")
    return records[0]


def reproduce(record: Record, device: str, data: Path | None = None) -> Reproduction:
    """Train the cell of ``record`` again, alone in this process, with as many threads as then, or one per core.

    Raises:
        ValueError: the suite or the method has another version by now, or is not known.
        DataUnavailableError: the suite's data cannot be loaded.
    """
    _require_same_versions(record.cell)
    threads = min(int(record.environment.get("threads", 1)), os.cpu_count() or 1)
    events: list[Event] = []
    Here(Setting(device, threads=threads, data=data)).run([Job((record.cell,))], events.append)
    for event in events:
        if isinstance(event, Finished):
            again = event.record
            return Reproduction(record, again, largest(record, again), circumstances(record, again))
    reasons = [event.why.reason for event in events if isinstance(event, Skipped)]
    raise DataUnavailableError("; ".join(reasons))


def _require_same_versions(cell: Cell) -> None:
    suite = registry.create(cell.suite, **cell.suite_options)
    method = Balancer(cell.balancer, tasks=cell.tasks, heads=cell.heads, **cell.hyperparameters).weighting
    pairs = {
        f"suite {cell.suite!r}": (cell.suite_version, version_of(suite)),
        f"method {cell.balancer!r}": (cell.balancer_version, version_of(method)),
    }
    for what, (then, now) in pairs.items():
        if then != now:
            raise ValueError(
                f"the record is of version {then} of {what}, and here is version {now}: "
                "check out the commit that the record names to reproduce it"
            )
