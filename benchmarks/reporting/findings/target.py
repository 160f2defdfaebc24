"""Time to target: the share of equal weights' steps that a row needs to get where equal weights end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.analysis import scores
from benchmarks.analysis.results import Results
from benchmarks.records.record import Record
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import listed, mean_of, methods

TEXT = (
    "The steps after which a row is first as good on validation as equal weights of the same seed are at their end, as "
    "a share of all steps of equal weights: less is faster, and above 1 cannot be seen. Mean over tasks, by their "
    "primary metric, and seeds; in brackets how often the target was reached where that is not always, and the mean is "
    "over those cases alone. Tasks at which equal weights end no better than they began are no target. Steps of "
    "methods take different times, which the table of costs tells. A dash: never reached."
)


def block(study: Results) -> Block | None:
    """The time to target of every row on every suite; none without curves of equal weights."""
    rows, suites = methods(study.aggregates), [suite.name for suite in study.aggregates.suites]
    found = {suite: _on_suite(study.of(suite), study.aggregates.equal_weights) for suite in suites}
    if not any(found.values()):
        return None
    lines = [[row, _text(_all(found, row)), *(_text(found[suite].get(row, [])) for suite in suites)] for row in rows]
    said = _sentences({row: _all(found, row) for row in rows if row != study.aggregates.equal_weights})
    title = "Time to target: who gets sooner where equal weights end"
    return Block("target", title, TEXT, (["row", "all suites", *suites], lines), tuple(said))


def _on_suite(records: Sequence[Record], equal_weights: str) -> dict[str, list[float]]:
    """By row, the share for every task and seed; infinite where the target was not reached."""
    equal = {r.cell.repetition: r for r in records if r.cell.row == equal_weights and r.status == "done"}
    found: dict[str, list[float]] = {}
    for record in records:
        reference = equal.get(record.cell.repetition)
        if reference is not None and record.cell.tasks == reference.cell.tasks:
            found.setdefault(record.cell.row, []).extend(shares(record, reference))
    return found


def shares(record: Record, reference: Record) -> list[float]:
    """For each task, the step at which a run is as good as the reference is at its end, over the reference's steps.

    Infinite for a task that never is. Without the tasks at which the reference ends no better than untrained, which
    are no target; empty where it has no curves.
    """
    if not reference.curves.step or not reference.curves.step[-1]:
        return []
    learned = [task for task in reference.cell.tasks if _target(reference, task)[1]]
    return [_step(record, reference, task) / reference.curves.step[-1] for task in learned]


def _target(reference: Record, task: str) -> tuple[float, bool]:
    """Where the reference ends on validation, and whether that is better than where it began."""
    fact = reference.metrics[task][0]
    values = reference.curves.validation[task][fact.name]
    return values[-1], scores.difference(values[-1], values[0], fact) > 0


def _step(record: Record, reference: Record, task: str) -> float:
    fact = reference.metrics[task][0]
    target, _ = _target(reference, task)
    values = record.curves.validation.get(task, {}).get(fact.name, [])
    reached = (
        step
        for step, value in zip(record.curves.step, values, strict=False)
        if scores.difference(value, target, fact) >= 0
    )
    return next(reached, math.inf)


def _all(found: Mapping[str, Mapping[str, Sequence[float]]], row: str) -> list[float]:
    return [share for rows in found.values() for share in rows.get(row, ())]


def _text(values: Sequence[float]) -> str:
    """As in "0.62 (7/10)"."""
    known = [share for share in values if math.isfinite(share)]
    if not known:
        return formats.NONE
    text = formats.plain(mean_of(known))
    return text if len(known) == len(values) else f"{text} ({formats.count(len(known), len(values))})"


def _sentences(by_row: Mapping[str, Sequence[float]]) -> list[str]:
    cases = max(map(len, by_row.values()), default=0)
    reached = {row: sum(map(math.isfinite, values)) for row, values in by_row.items()}
    if not any(reached.values()):
        return ["No other row ever gets to where equal weights end."]
    always = {row: mean_of(by_row[row]) for row, count in reached.items() if count == cases}
    if not always:
        often = max(reached, key=lambda row: reached[row])
        return [
            f"No other row gets to where equal weights end with every task and seed; most often {often} does, in "
            f"{reached[often]} of {cases} cases."
        ]
    first = min(always, key=lambda row: always[row])
    return [
        f"Every task and seed gets to where equal weights end with {listed(list(always))}; the fastest, {first}, takes "
        f"{formats.plain(always[first])} of their steps.",
    ]
