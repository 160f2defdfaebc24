"""What every study keeps: tables of rows as CSV files, and the command and machine that they come from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, get_args, get_type_hints

from benchmarks.records.store import write_atomically

MACHINE = "environment.json"
COMMAND = "command"  # its place in that file

READERS: Mapping[object, Callable[[str], object]] = {
    bool: lambda text: text == "True",
    int: int,
    float: float,
    str: str,
    int | None: lambda text: int(text) if text else None,
}


def table(file: str) -> Any:
    """Declare a field of a `StudyResults` that is kept in the CSV file of this name."""
    return field(metadata={"file": file})


@dataclass(frozen=True)
class StudyResults:
    """The base class of what a study finds out: every field is a list of rows, declared with `table`.

    A row is a NamedTuple whose fields are the columns. Numbers are kept with six significant digits.
    """

    study: ClassVar[str]  # the command that writes it

    def save(self, folder: Path) -> None:
        """Write every table to a folder, which is created if it is not there.

        Raises:
            ValueError: the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, file, row_type in self._tables():
                write_atomically(folder / file, _as_csv(row_type, getattr(self, name)))
        except OSError as error:
            raise ValueError(
                f"{folder} cannot be written ({error.strerror}); choose another folder with --results"
            ) from error

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ValueError: a file is missing, or something else wrote it.
        """
        missing = [file for _, file, _ in cls._tables() if not (folder / file).is_file()]
        if missing:
            raise ValueError(f"{folder} has no {' and '.join(missing)}: run `python -m benchmarks {cls.study}` first")
        return cls(**{name: cls._read(folder / file, row_type) for name, file, row_type in cls._tables()})

    @classmethod
    def present(cls, folder: Path) -> bool:
        """Whether a folder has all tables."""
        return all((folder / file).is_file() for _, file, _ in cls._tables())

    @classmethod
    def _tables(cls) -> Iterator[tuple[str, str, Any]]:
        """The name, the file and the type of row of every table."""
        hints = get_type_hints(cls)
        for each in fields(cls):
            if "file" in each.metadata:
                yield each.name, each.metadata["file"], get_args(hints[each.name])[0]

    @classmethod
    def _read(cls, path: Path, row_type: Any) -> list[Any]:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        hints = get_type_hints(row_type)
        readers = [READERS[hints[name]] for name in row_type._fields]
        try:
            if lines[:1] != [list(row_type._fields)]:
                raise ValueError("it has other columns")
            return [row_type(*(read(text) for read, text in zip(readers, line, strict=True))) for line in lines[1:]]
        except ValueError as error:
            raise ValueError(
                f"{path} is not what `python -m benchmarks {cls.study}` writes ({error}); run that again"
            ) from error


def _as_csv(row_type: Any, rows: Sequence[NamedTuple]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(row_type._fields)
    writer.writerows([f"{value:.6g}" if isinstance(value, float) else value for value in row] for row in rows)
    return text.getvalue()


class Origin(NamedTuple):
    """Where the numbers of a study come from."""

    command: str
    machine: Mapping[str, str]

    def save(self, folder: Path) -> None:
        """Write it to a results folder."""
        facts = {COMMAND: self.command, **self.machine} if self.command else dict(self.machine)
        write_atomically(folder / MACHINE, json.dumps(facts, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Origin:
        """Read what `save` wrote, or what the benchmark says of its machine; nothing where there is neither."""
        path = folder / MACHINE
        facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return cls(facts.pop(COMMAND, ""), facts)


def command_for(study: str, options: NamedTuple) -> str:
    """The command that runs a study with these options; those that have their default are left out.

    An option is named after its field; several values are separated by commas.
    """
    words = []
    for name, value in options._asdict().items():
        if value != options._field_defaults[name]:
            values = value if isinstance(value, tuple) else (value,)
            texts = [f"{each:g}" if isinstance(each, float) else str(each) for each in values]
            words.append(f" --{name.replace('_', '-')} {','.join(texts)}")
    return f"python -m benchmarks {study}{''.join(words)}"
