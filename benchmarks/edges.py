"""Where a search ended at the edge of what it tried: a better setting may lie beyond, and the row may be better."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.records import Cell, Record
from benchmarks.select import row_key

FEWEST = 3  # values that were tried; of two, every one is at an edge


def at_the_edge(chosen: Sequence[Record], tried: Sequence[Record]) -> dict[tuple[str, str], dict[str, int]]:
    """For each problem and row, how many of its chosen runs have a setting at the edge, by the setting's name.

    Args:
        chosen: the records that count.
        tried: those of all settings.
    """
    by_row: dict[str, list[Cell]] = {}
    for record in tried:
        by_row.setdefault(row_key(record.cell), []).append(record.cell)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for record in chosen:
        cell, others = record.cell, by_row[row_key(record.cell)]
        for name in _edges(cell, others):
            counts = found.setdefault((cell.problem, cell.row), {})
            counts[name] = counts.get(name, 0) + 1
    return found


def _edges(cell: Cell, tried: Sequence[Cell]) -> list[str]:
    """The settings that are numbers, and the smallest or the largest of all that were tried."""

    def numbers(of: Cell) -> dict[str, float]:
        given = {name: value for name, value in of.hyperparameters.items() if isinstance(value, float)}
        return {"learning rate": of.learning_rate, **given}

    values = {name: {numbers(other).get(name, value) for other in tried} for name, value in numbers(cell).items()}
    return [
        name
        for name, value in numbers(cell).items()
        if len(values[name]) >= FEWEST and value in (min(values[name]), max(values[name]))
    ]


def texts(chosen: Sequence[Record], tried: Sequence[Record], problem: str) -> list[str]:
    """One line for each row of a problem that has a setting at the edge in at least half of its runs."""
    lines = []
    for (where, row), counts in at_the_edge(chosen, tried).items():
        runs = sum((record.cell.problem, record.cell.row) == (where, row) for record in chosen)
        often = [f"{name} in {count} of {runs} runs" for name, count in counts.items() if 2 * count >= runs]
        if where == problem and often:
            lines.append(f"{row}: at the edge of what was tried: {', '.join(often)}")
    return lines
