"""Options as axes: the tables of a study that hold one suite at several values of one numeric option."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

from benchmarks.analysis.results import Results
from benchmarks.records.record import Cell, Role

SHARES = "label_fraction."  # what the names of options that are shares of labels begin with
WIDE = 8.0  # from this ratio of the largest value to the smallest on, values are drawn on a logarithmic axis


class OptionPoint(NamedTuple):
    """One value of the option, and the table of the study that has it."""

    value: float
    table: str


@dataclass(frozen=True)
class OptionSeries:
    """One suite at several values of an option, all its other options being the same.

    Attributes:
        suite: its name.
        subject: what it is called: its name, and its first and last table where one option makes several series of it.
        option: the option's name; ``a.b`` is b in the nested option a.
        task: the task that the option names, if it does, as ``label_fraction.rating`` does.
        points: from the smallest value to the largest.
    """

    suite: str
    subject: str
    option: str
    task: str | None
    points: tuple[OptionPoint, ...]

    @property
    def name(self) -> str:
        """A name for files and links."""
        return re.sub(r"[^A-Za-z0-9_]+", "-", f"{self.subject}-by-{self.option}").strip("-")

    @property
    def values(self) -> tuple[float, ...]:
        """The option's values, ascending."""
        return tuple(point.value for point in self.points)

    @property
    def is_share(self) -> bool:
        """Whether values are shares of labels, to be read in percent."""
        return self.option.startswith(SHARES)

    @property
    def is_wide(self) -> bool:
        """Whether the values want a logarithmic axis."""
        return self.values[0] > 0 and self.values[-1] >= WIDE * self.values[0]

    @property
    def words(self) -> str:
        """What varies, in words."""
        return f"share of {self.option.removeprefix(SHARES)}'s labels" if self.is_share else self.option

    def label(self, value: float) -> str:
        """A value as people read it."""
        if self.is_share:
            return f"{100 * value:g} %"
        return f"{int(value):,}" if float(value).is_integer() else f"{value:g}"


def of(study: Results) -> list[OptionSeries]:
    """The series of a study, in the order of its tables."""
    cells = {suite.name: [record.cell for record in study.of(suite.name)] for suite in study.aggregates.suites}
    tables = {table: max(of_table, key=lambda cell: len(cell.tasks)) for table, of_table in cells.items()}
    suites = {problem: study.asked.suites.get(cell.table) for problem, cell in tables.items()}
    return find(tables, {problem: suite.options for problem, suite in suites.items() if suite is not None})


def find(tables: Mapping[str, Cell], options: Mapping[str, Mapping[str, Any]]) -> list[OptionSeries]:
    """The series among tables, of each of which a cell with all its tasks tells the options.

    What a table does not set is the suite's default, which ``options`` holds by table where it is known. A table may be
    in several series, as in a grid. Where two tables share a value there is no series: something else than the option
    must tell them apart, and neither may stand for it.
    """
    groups: dict[tuple[str, str, str], list[OptionPoint]] = {}
    for table, cell in tables.items():
        for option, value, others in _numeric(cell, options.get(table, {})):
            groups.setdefault((cell.suite, option, others), []).append(OptionPoint(value, table))
    kept = {key: points for key, points in groups.items() if len({point.value for point in points}) == len(points) > 1}
    alike = [(suite, option) for suite, option, _ in kept]
    several_series = []
    for (suite, option, _), points in kept.items():
        ordered = tuple(sorted(points))
        several = alike.count((suite, option)) > 1
        subject = f"{suite} ({ordered[0].table} to {ordered[-1].table})" if several else suite
        several_series.append(OptionSeries(suite, subject, option, _task(option, tables[ordered[0].table]), ordered))
    return several_series


def _numeric(cell: Cell, defaults: Mapping[str, Any]) -> Iterator[tuple[str, float, str]]:
    """Every numeric option of a table, its value, and all else that tables of one series must share."""
    options = dict(_flat({**defaults, **cell.suite_options}))
    for option, value in options.items():
        if isinstance(value, Real) and not isinstance(value, bool):
            others = {name: other for name, other in options.items() if name != option}
            rest = [cell.suite_version, cell.facts({Role.TRAINING}), others]
            yield option, float(value), json.dumps(rest, sort_keys=True, default=str)


def _flat(options: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _task(option: str, cell: Cell) -> str | None:
    outer, _, last = option.rpartition(".")
    return last if outer and last in cell.tasks else None
