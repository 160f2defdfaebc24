"""Records on disk: one JSON file per cell, written whole or not at all; what cannot be read is set aside.

A folder may also hold all its records in one compressed archive. That is what a repository keeps as reference results;
a run never takes such records for its own, so that the same command trains anew on another machine.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from benchmarks.records.asked import ASKED, PROTOCOL_COPY, Asked, identity, read_asked, union
from benchmarks.records.record import Cell, Curves, Record
from benchmarks.records.selection import chosen

ARCHIVE = "records.jsonl.gz"

logger = logging.getLogger(__name__)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that, whatever happens, its name stands for the old content or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp makes it private; results are for everybody
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def stem(cell: Cell) -> str:
    """What the files of a cell are called, but for what follows the dot."""
    task = cell.tasks[0] if len(cell.tasks) == 1 else "all"
    parts = (cell.table, cell.row, task, f"s{cell.seed}", cell.id)
    return "--".join(re.sub(r"[^\w.-]+", "-", part) for part in parts)


class Store:
    """The records in ``folder``.

    Raises:
        ValueError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "records"
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.records):
                pass
        except OSError as error:
            raise ValueError(
                f"results folder {folder} cannot be written ({error.strerror}); choose another with --results"
            ) from error

    def path(self, cell: Cell) -> Path:
        """Where the record of ``cell`` is, or will be."""
        return self.records / f"{stem(cell)}.json"

    def read(self, cell: Cell) -> Record | None:
        """The record of ``cell``; none if there is none, or if it could not be read and was set aside."""
        path = self.path(cell)
        return _read(path) if path.exists() else None

    def write(self, record: Record) -> Path:
        """Keep a record, in the place of an earlier one of the same cell."""
        path = self.path(record.cell)
        write_atomically(path, record.model_dump_json())
        return path


def load(folder: Path) -> list[Record]:
    """All records of a results folder, by file name; where there are none, those of its archive.

    Unreadable records go to ``folder/corrupt`` and are named in the log.

    Raises:
        ValueError: there is no such folder, or its archive is damaged.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no results folder {folder}; `python -m benchmarks run` makes one")
    paths = sorted((folder / "records").glob("*.json"))
    if not paths and (folder / ARCHIVE).exists():
        return unpack(folder / ARCHIVE)
    records = (_read(path) for path in paths)
    return [record for record in records if record is not None]


def write_asked(folder: Path, asked: Asked) -> None:
    """Keep what was asked for in a results folder."""
    write_atomically(folder / ASKED, asked.model_dump_json(indent=1) + "\n")


def source(folder: Path) -> str:
    """Where `load` reads from, in words."""
    count = len(list((folder / "records").glob("*.json")))
    return f"{count} in {folder / 'records'}" if count else f"the archive {folder / ARCHIVE}"


def pack(folder: Path) -> Path:
    """Write all records of ``folder`` into its archive, the same bytes for the same records.

    Of runs with settings that a search passed over, the curves are left out but for their beginning.
    """
    records = load(folder)
    shown = {record.id for record in chosen(records, read_asked(folder).searched_once)}
    lines = "".join((r if r.id in shown else without_curves(r)).model_dump_json() + "\n" for r in records)
    path = folder / ARCHIVE
    write_atomically(path, gzip.compress(lines.encode(), mtime=0))
    return path


def without_curves(record: Record) -> Record:
    """The record with the first point of its curves alone, the untrained model, which scores are relative to."""

    def first(curves: object) -> object:
        return {key: first(value) for key, value in curves.items()} if isinstance(curves, dict) else list(curves)[:1]  # pyright: ignore[reportArgumentType]

    curves = {name: first(value) for name, value in record.curves.model_dump().items()}
    return record.model_copy(update={"curves": Curves.model_validate(curves)})


def merge(folders: Sequence[Path], into: Path) -> int:
    """Bring the records of several folders of one protocol together, as files of ``into``; how many came.

    Of two records of one cell, one that is done wins, then one with its curves, then the later one.

    Raises:
        ValueError: a folder holds no records or no protocol, or protocols or their versions differ.
    """
    sources = [into, *folders] if (into / PROTOCOL_COPY).exists() else [*folders]
    protocols = {folder: _protocol(folder) for folder in sources}
    asked = union([read_asked(source) for source in sources])  # before anything is written: one may be damaged
    names = set(protocols.values())
    if len(names) > 1:
        listed = "; ".join(f"{folder}: {name}, version {version}" for folder, (name, version) in protocols.items())
        raise ValueError(
            f"results of different protocols or versions cannot be compared, so they are not merged: {listed}"
        )
    kept = [] if not (into / ARCHIVE).exists() or any((into / "records").glob("*.json")) else unpack(into / ARCHIVE)
    store, count = Store(into), 0
    for record in kept:  # or else the new files would stand for all that there is
        store.write(record)
    for folder in folders:
        for record in load(folder):
            earlier = store.read(record.cell)
            if earlier is None or _preferred(record, earlier):
                store.write(record)
                count += 1
    write_atomically(into / PROTOCOL_COPY, (sources[0] / PROTOCOL_COPY).read_text(encoding="utf-8"))
    write_asked(into, asked)
    return count


def _preferred(record: Record, earlier: Record) -> bool:
    return (record.status == "done", len(record.curves.step), record.finished) > (
        earlier.status == "done",
        len(earlier.curves.step),
        earlier.finished,
    )


def _protocol(folder: Path) -> tuple[str, int]:
    path = folder / PROTOCOL_COPY
    if not path.is_file():
        raise ValueError(f"{folder} holds no {PROTOCOL_COPY}, so that nobody knows what its records are records of")
    return identity(path.read_text(encoding="utf-8"))


def unpack(path: Path) -> list[Record]:
    """The records of an archive.

    Raises:
        ValueError: it is damaged.
    """
    try:
        lines = gzip.decompress(path.read_bytes()).splitlines()
        return [Record.model_validate_json(line) for line in lines]
    except (OSError, EOFError, zlib.error, ValidationError) as error:
        raise ValueError(f"the archive {path} is damaged ({error}); take it from the repository again") from error


def _read(path: Path) -> Record | None:
    try:
        record = Record.model_validate_json(path.read_bytes())
        if record.id != record.cell.id:
            raise ValueError(f"its id is {record.id}, that of its cell {record.cell.id}")
    except ValidationError as error:
        problem = error.errors()[0]
        _set_aside(path, f"{'.'.join(map(str, problem['loc']))} {problem['msg']}".strip())
    except ValueError as error:
        _set_aside(path, str(error))
    else:
        return record
    return None


def _set_aside(path: Path, reason: str) -> None:
    corrupt = path.parent.parent / "corrupt"
    try:
        corrupt.mkdir(exist_ok=True)
        path.replace(corrupt / path.name)
    except OSError as error:  # a folder that can only be read: its other records are still of use
        logger.warning("record %s cannot be read (%s) and is left out; moving it failed: %s", path, reason, error)
    else:
        logger.warning("record %s cannot be read and was moved to %s: %s", path.name, corrupt, reason)
