"""One run again, from its record, and how far the two agree."""

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
from benchmarks.running.executors.here import Here
from tasks import registry
from tasks.base import DataUnavailableError


class Reproduction(NamedTuple):
    """A run and its repetition."""

    record: Record
    again: Record
    difference: Difference | None  # the largest; none where one of the two did not finish
    circumstances: list[str]  # what was not the same

    def agrees(self, tolerance: float) -> bool:
        """Whether both ended alike, and no metric differs by more than ``tolerance``, relative to its size."""
        alike = self.record.status == self.again.status
        return alike and (self.difference is None or self.difference.relative <= tolerance)

    def sentences(self, tolerance: float) -> list[str]:
        """What came out, the most important first."""
        first, second = self.record.status, self.again.status
        verdict = "It agrees" if self.agrees(tolerance) else "It does not agree"
        if first != second:
            found = [
                f"{verdict}: it was {first}, and now it is {second}{': ' * bool(self.again.reason)}{self.again.reason}."
            ]
        elif self.difference is None:
            found = [f"{verdict}: it is {second} again ({self.again.reason})."]
        elif not self.difference.relative:
            found = [f"{verdict} exactly: every metric is the same number."]
        else:
            found = [f"{verdict} within {tolerance:g}: the largest relative difference is {self.difference}."]
        if self.circumstances:
            found.append(f"Not the same were {'; '.join(self.circumstances)}.")
            if not self.agrees(tolerance):
                found.append(
                    "Each of these can change how sums are rounded, which chaotic problems amplify to any size."
                )
        return found


def find(name: str, folder: Path | None = None) -> Record:
    """A record, by its file, or by its id or the beginning of that in a results folder or its archive.

    Raises:
        ValueError: there is no such record, or several begin so.
    """
    path = Path(name)
    if path.is_file():
        try:
            return Record.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ValueError(f"{name} is not a record: {error.errors()[0]['msg']}") from error
    if folder is None:
        raise ValueError(f"there is no file {name}; for an id, say where with --results FOLDER")
    found = [record for record in store.load(folder) if record.id.startswith(name)]
    if len(found) != 1:
        what = "no record" if not found else f"{len(found)} records"
        raise ValueError(f"{folder} has {what} whose id begins with {name!r}; ids are the last part of file names")
    return found[0]


def reproduce(record: Record, device: str, data: Path | None = None) -> Reproduction:
    """Train the cell of ``record`` once more, alone in this process, with as many threads if there are so many cores.

    Raises:
        ValueError: the suite or the method is of another version here, or is not known.
        DataUnavailableError: the suite's data cannot be had.
    """
    _require_same_versions(record.cell)
    threads = min(int(record.environment.get("threads", 1)), os.cpu_count() or 1)
    heard: list[Event] = []
    Here(Setting(device, threads=threads, data=data)).run([Job((record.cell,))], heard.append)
    for event in heard:
        if isinstance(event, Finished):
            again = event.record
            return Reproduction(record, again, largest(record, again), circumstances(record, again))
    reasons = [event.why.reason for event in heard if isinstance(event, Skipped)]
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
