"""What a run was asked for (`Asked`), kept beside its records: a results folder explains itself without code."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from benchmarks.records.record import Cell, Frozen

ASKED = "asked.json"
FORMAT = 1
EQUAL_WEIGHTS = "equal-weights"  # how tables call the method `fixed` with its default weights
UNNAMED = "fixed"  # the label of a row that protocols call by the name of its method
VALUE = " ("  # between the label of a method and the value of an axis of the protocol
PROTOCOL_COPY = "protocol.toml"  # the copy of the protocol that was run


class AskedSuite(Frozen):
    """What reports say about a suite of the protocol."""

    suite: str  # its name in the registry
    options: dict[str, Any]  # all of them: those that the protocol leaves out have their defaults
    summary: str
    searched_once: bool  # whether all seeds of a method share one search; otherwise each seed has its own


class Asked(Frozen):
    """What the latest run into a results folder was asked for. The defaults describe records without a protocol."""

    format: Literal[1] = 1
    protocol: str = ""  # its name; empty if unknown
    version: int = 1
    description: str = ""
    equal_weights: str = UNNAMED  # the row that gains and costs are relative to
    tuned_weights: str | None = None  # the row of tuned fixed weights
    noise_floor: str | None = None  # the row that repeats equal weights with other seeds
    settings: int | None = None  # how many every search should try; if unknown, all that were tried count
    suites: dict[str, AskedSuite] = Field(default_factory=dict)  # by the name of their table, in the order to show them
    methods: tuple[str, ...] = ()  # the rows in the order to show them
    others_searched_once: bool = False  # whether suites that are not listed have one search for all seeds
    cells: tuple[str, ...] = ()  # ids of those that could run at once; others follow from their records

    def searched_once(self, cell: Cell) -> bool:
        """Whether all seeds of a cell's row share one search."""
        suite = self.suites.get(cell.table)
        return self.others_searched_once if suite is None else suite.searched_once

    def title(self, row: str) -> str:
        """How tables call a row: equal weights, and their copy with other seeds, by what they are."""
        label, separator, value = row.partition(VALUE)
        titles = {self.equal_weights: EQUAL_WEIGHTS, self.noise_floor: f"{EQUAL_WEIGHTS}-again"}
        named = self.equal_weights != UNNAMED or EQUAL_WEIGHTS in self.methods  # the protocol has words of its own
        return row if named else titles.get(label, label) + separator + value

    def titled(self) -> Asked:
        """The same with rows as tables call them."""
        return self.model_copy(
            update={
                "equal_weights": self.title(self.equal_weights),
                "tuned_weights": self.tuned_weights and self.title(self.tuned_weights),
                "noise_floor": self.noise_floor and self.title(self.noise_floor),
                "methods": tuple(map(self.title, self.methods)),
            }
        )

    @property
    def order(self) -> list[str]:
        """Suites and rows in the order to show them."""
        return [*self.suites, *self.methods]


def lacks_asked(folder: Path) -> bool:
    """Whether a folder has a protocol but no `asked.json`: it is older than that file."""
    return (folder / PROTOCOL_COPY).is_file() and not (folder / ASKED).is_file()


def read_asked(folder: Path) -> Asked:
    """What a results folder was asked for; the defaults if it holds records alone.

    Raises:
        ValueError: its file is damaged, of a newer version, or lacks although the folder has a protocol.
    """
    path = folder / ASKED
    if lacks_asked(folder):  # the protocol would have to be expanded to know which records count
        raise ValueError(f"{path} is missing; `python -m benchmarks report {folder}` writes it from the protocol")
    if not path.is_file():
        return Asked()
    mend = f"delete it, and `python -m benchmarks report {folder}` writes it anew"
    try:
        content = json.loads(path.read_bytes())
        written_as = content["format"]
        if isinstance(written_as, int) and written_as > FORMAT:
            raise ValueError(f"{path} was written by a newer version of this program, which can read it")
        return Asked.model_validate(content)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is damaged (it says no format): {mend}") from error
    except ValidationError as error:
        raise ValueError(f"{path} is damaged ({error.errors()[0]['msg']}): {mend}") from error


def union(several: Sequence[Asked]) -> Asked:
    """What several runs of one protocol were asked for; the first one decides which cells count, and the order."""
    first = several[0]
    suites = {table: suite for asked in reversed(several) for table, suite in asked.suites.items()}
    order = dict.fromkeys(table for asked in several for table in asked.suites)
    return first.model_copy(
        update={
            "suites": {table: suites[table] for table in order},
            "methods": tuple(dict.fromkeys(method for asked in several for method in asked.methods)),
        }
    )


def identity(protocol: str) -> tuple[str, int]:
    """Name and version of a protocol by its text: numbers of different ones are not to be compared."""
    table = tomllib.loads(protocol)
    return str(table.get("name", "")), int(table.get("version", 1))
