"""The suite of a record, for reports that show more than numbers, such as its landscape."""

from __future__ import annotations

from benchmarks.records.record import Record
from tasks import registry
from tasks.base import Suite


def suite_of(record: Record) -> Suite | None:
    """The suite of a record, with its options; none if it is not known here (it came from a plug-in)."""
    if record.cell.suite not in registry.names():
        return None
    return registry.create(record.cell.suite, **record.cell.suite_options)
