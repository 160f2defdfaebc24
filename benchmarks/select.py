"""Selection on validation: of checkpoints within a run, and of learning rates between runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.records import MetricFact, Outcome, Record, Scalars

SMALLEST_ERROR = 1e-9  # below it an error counts as none


def selection_score(validation: Scalars, untrained: Scalars, metrics: Mapping[str, Sequence[MetricFact]]) -> float:
    """How bad a state is: mean over tasks of its error over the error of the untrained model; lower is better.

    The error is |best - primary metric|. 1 is the untrained model and 0 a perfect one, whatever the tasks' units.
    """
    ratios = [
        abs(facts[0].best - validation[task][facts[0].name])
        / max(abs(facts[0].best - untrained[task][facts[0].name]), SMALLEST_ERROR)
        for task, facts in metrics.items()
    ]
    return sum(ratios) / len(ratios)


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
    scores = [_score(record, record.best) for record in records if record.best is not None]
    return -len(scores), sum(scores) / len(scores) if scores else 0.0, learning_rate


def _score(record: Record, best: Outcome) -> float:
    curves = record.curves.validation
    untrained = {task: {name: values[0] for name, values in metrics.items()} for task, metrics in curves.items()}
    return selection_score(best.validation, untrained, record.metrics)
