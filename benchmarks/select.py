"""Selection on validation: of checkpoints within a run, and of learning rates between runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.records import MetricFact, Record, Scalars

SMALLEST_ERROR = 1e-9  # keeps the logarithm finite for a perfect task, which would otherwise decide alone


def selection_score(validation: Scalars, metrics: Mapping[str, Sequence[MetricFact]]) -> float:
    """How bad a state is: mean over tasks of log |best - primary metric|; lower is better.

    Halving the error of any task counts the same, whatever the tasks' units.
    """
    errors = [abs(facts[0].best - validation[task][facts[0].name]) for task, facts in metrics.items()]
    return sum(math.log(max(error, SMALLEST_ERROR)) for error in errors) / len(errors)


def chosen(records: Iterable[Record]) -> list[Record]:
    """The records of the best learning rate in every group of cells that differ in learning rate and seed alone.

    A learning rate with more finished seeds beats one with fewer; among equals the lower mean score wins, then the
    lower learning rate. All its seeds are returned, also those that failed.
    """
    groups: dict[str, dict[float, list[Record]]] = {}
    for record in records:
        group = record.cell.model_copy(update={"learning_rate": 0.0, "seed": 0}).id
        groups.setdefault(group, {}).setdefault(record.cell.learning_rate, []).append(record)
    return [record for rates in groups.values() for record in rates[min(rates, key=lambda r: _rank(r, rates[r]))]]


def _rank(learning_rate: float, records: Sequence[Record]) -> tuple[int, float, float]:
    scores = [selection_score(r.best.validation, r.metrics) for r in records if r.best is not None]
    return -len(scores), sum(scores) / len(scores) if scores else 0.0, learning_rate
