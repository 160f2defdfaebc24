"""Which records of a folder can be compared: those of one setting, the one that was asked for."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from benchmarks.records.record import FRONT, Cell, Record, Role

SAME_TRAINING = {Role.SUITE, Role.BATCH, Role.TRAINING, Role.LENGTH}
SAME_METHOD = {Role.METHOD, Role.WIRING}


def comparable(records: Sequence[Record], asked: Collection[str] = ()) -> list[Record]:
    """Keep the records of one setting: the one that was asked for, or else the newest.

    A setting is, for each suite, its version, options, training and device; for each row, the method and its version;
    for each trial, its point of the search.

    Args:
        records: of one results folder.
        asked: ids of the cells that were asked for; where a group holds none of them, the newest record decides.

    A folder gathers records of several settings when a protocol is edited between two runs. Their numbers must not
    meet in one mean.
    """
    for group_of, setting_of in ((_suite_of, training), (_row_of, _method), (_trial_of, _point)):
        groups = [group_of(record.cell) for record in records]
        settings = [setting_of(record) for record in records]
        order = sorted(range(len(records)), key=lambda i: (records[i].id in asked, records[i].finished))
        chosen = {groups[i]: settings[i] for i in order}  # the last one counts
        records = [record for i, record in enumerate(records) if settings[i] == chosen[groups[i]]]
    return list(records)


def _suite_of(cell: Cell) -> Hashable:
    return cell.problem


def _row_of(cell: Cell) -> Hashable:
    return cell.problem, cell.row, cell.tasks


def _trial_of(cell: Cell) -> Hashable:
    return cell.problem, cell.row, cell.tasks, cell.trial


def training(record: Record) -> str:
    """The facts that all comparable runs of a suite share."""
    return record.cell.facts(SAME_TRAINING) + record.environment.get("device", "")


def _method(record: Record) -> str:
    return record.cell.facts(SAME_METHOD)


def _point(record: Record) -> str:
    """The searched settings. Trial 0 may exist at several learning rates; later, the rate is part of the setting."""
    searched = record.cell.trial and record.cell.row != FRONT
    return record.cell.facts({Role.POINT, Role.RATE} if searched else {Role.POINT})
