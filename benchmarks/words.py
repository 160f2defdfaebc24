"""How reports name rows, sum up numbers, and lay out what there is one of for each suite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.analysis.summaries import Aggregates

MOST = 6  # names that a sentence can hold


def methods(aggregates: Aggregates, without: str | None = None) -> list[str]:
    """The multi-task rows, the best over all suites first; ``without`` is left out, such as a copy of another row."""
    return [row.row for row in aggregates.overall if row.row != without]


def listed(names: Sequence[str]) -> str:
    """As in "a, b and c"; of many, the first few and how many others."""
    if len(names) > MOST + 1:
        return f"{', '.join(names[:MOST])} and {len(names) - MOST} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def plural(count: int, one: str) -> str:
    """As in "1 row" and "2 rows"."""
    return f"{count} {one}{'' if count == 1 else 's'}"


def mean_of(values: Iterable[float]) -> float:
    """The mean; NaN of nothing, and if any value is."""
    kept = list(values)
    return float(np.mean(kept)) if kept else math.nan


def mean_of_known(values: Iterable[float]) -> float:
    """The mean of what is not NaN; NaN of nothing."""
    return mean_of(value for value in values if not math.isnan(value))


def median_of_known(values: Iterable[float]) -> float:
    """The median of what is not NaN; NaN of nothing."""
    kept = [value for value in values if not math.isnan(value)]
    return float(np.median(kept)) if kept else math.nan
