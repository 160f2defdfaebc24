"""Sentences about searches that ended at the edge of their range."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.analysis.edges import Edge, edges
from benchmarks.records.selection import Search


def texts(searches: Sequence[Search], problem: str) -> list[str]:
    """One line for each method on a problem whose searches ended there."""
    by_row: dict[tuple[str, tuple[str, ...]], list[Search]] = {}
    for search in searches:
        cell = search.chosen[0].cell
        if cell.problem == problem:
            by_row.setdefault((cell.row, cell.tasks), []).append(search)
    edges_of = [(row, edges(of_row)) for (row, _), of_row in by_row.items()]
    return [f"{row}: {', '.join(map(_words, of_row))}" for row, of_row in edges_of if of_row]


def _words(edge: Edge) -> str:
    return f"{edge.setting} at the {edge.end} edge of its range in {edge.ended} of {edge.of} searches"
