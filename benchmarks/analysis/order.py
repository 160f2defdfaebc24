"""The order in which methods are shown."""

from __future__ import annotations

from benchmarks.analysis.summaries import Aggregates


def best_first(aggregates: Aggregates, without: str | None = None) -> list[str]:
    """The multi-task methods, the best over all suites first.

    Args:
        aggregates: of one results folder.
        without: a method to leave out, such as the copy of another one.
    """
    return [summary.row for summary in aggregates.overall if summary.row != without]
