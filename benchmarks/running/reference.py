"""The reference results of the repository: a run can take their records and run only what they lack."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.records import store
from benchmarks.records.asked import PROTOCOL_COPY, identity

REFERENCES = Path("results")  # the folder of reference results, by protocol


def adopt(name: str, version: int, suites: Iterable[str], device: str, into: Path) -> int:
    """Copy the reference records of a protocol into the results folder ``into``; records that it has stay.

    Runs find records by their cells, so that none of a changed suite, method or budget is taken for the new one.

    Args:
        name: the name of the protocol.
        version: the version of the protocol, which the reference must have too.
        suites: the suites whose records are copied.
        device: the type of the device of the run, which the records must have too: times and rounding depend on it.
        into: a results folder, which need not exist.

    Returns:
        The number of records copied.

    Raises:
        ValueError: there is no reference, or it has another version or device.
    """
    folder = REFERENCES / name
    for file in (store.ARCHIVE, PROTOCOL_COPY):
        if not (folder / file).is_file():
            raise ValueError(f"there are no reference results: {folder / file} is missing")
    then = identity((folder / PROTOCOL_COPY).read_text(encoding="utf-8"))
    if then != (name, version):
        raise ValueError(
            f"the reference results in {folder} are of version {then[1]} of the protocol, and this is version "
            f"{version}: numbers of different versions are never put in one table"
        )
    wanted = set(suites)
    records = [record for record in store.unpack(folder / store.ARCHIVE) if record.cell.table in wanted]
    usable = [record for record in records if record.environment.get("device") == device]
    if records and not usable:
        other = records[0].environment.get("device")
        raise ValueError(
            f"the reference results in {folder} were made on a {other} device, and this run is on {device}: choose "
            f"--device {other}, or --no-reference to run everything"
        )
    kept = store.Store(into)
    new = [record for record in usable if kept.read(record.cell) is None]
    for record in new:
        kept.write(record)
    return len(new)
