"""Searches whose best value was the largest or smallest tried: a better one may lie beyond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import binom

from benchmarks.records.record import Cell
from benchmarks.records.selection import Search

FEWEST = 3  # values tried; with two, each one is at an end
CHANCE = 0.1  # how likely as many searches may end there if all values tried are alike


class Edge(NamedTuple):
    """A number that the searches of one row often chose at one end of the values tried."""

    setting: str
    end: str  # "upper" or "lower"
    ended: int  # searches that ended there
    of: int  # searches in all


def edges(searches: Sequence[Search]) -> list[Edge]:
    """The ends that the searches of one row chose more often than by chance.

    Weights on a simplex are left out: nothing lies beyond their ends.
    """
    ends, fewest = Counter[tuple[str, str]](), 0
    for search in searches:
        tried = [_numbers(runs[0].cell) for runs in search.tried.values()]
        for name, value in _numbers(search.chosen[0].cell).items():
            values = sorted({numbers[name] for numbers in tried if name in numbers})
            if len(values) >= FEWEST and value in (values[0], values[-1]):
                ends[name, "lower" if value == values[0] else "upper"] += 1
                fewest = min(fewest or len(values), len(values))
    candidates = [Edge(name, end, count, len(searches)) for (name, end), count in ends.items()]
    return [edge for edge in candidates if binom.sf(edge.ended - 1, edge.of, 1 / fewest) <= CHANCE]


def _numbers(cell: Cell) -> dict[str, float]:
    own = {f"its own {name}": value for name, value in cell.hyperparameters.items() if isinstance(value, float)}
    return {"learning rate": cell.learning_rate, **own}
