"""Time to target: the share of equal weights' steps that a method needs to reach the final result of equal weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.analysis import scores
from benchmarks.analysis.means import mean_of
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.records.record import Record
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed

TEXT = (
    "Steps until a method is as good on validation as equal weights of the same seed are after their last step, as a "
    "share of all steps of equal weights. The target is set per task, by its primary metric. The mean is over tasks "
    "and seeds."
)
LEGEND: Legend = (
    ("0.5", "the target is reached after half the steps; lower is faster; above 1 is not observed"),
    (
        "(a/b)",
        "the target is reached in a of b cases; the mean is over these a cases; without brackets it is always reached",
    ),
    ("–", "the target is never reached"),
)


def block(results: Results) -> ReportBlock | None:
    """The time to target of every method on every suite; none without curves of equal weights."""
    rows, suites = best_first(results.aggregates), [suite.name for suite in results.aggregates.suites]
    shares_by_suite = {suite: _on_suite(results.of(suite), results.aggregates.equal_weights) for suite in suites}
    if not any(shares_by_suite.values()):
        return None
    lines = [
        [row, _text(_all(shares_by_suite, row)), *(_text(shares_by_suite[suite].get(row, [])) for suite in suites)]
        for row in rows
    ]
    sentences = _sentences({row: _all(shares_by_suite, row) for row in rows if row != results.aggregates.equal_weights})
    title = "Time to target: steps to the final result of equal weights"
    return ReportBlock("target", title, TEXT, (["method", "all suites", *suites], lines), tuple(sentences), LEGEND)


def _on_suite(records: Sequence[Record], equal_weights: str) -> dict[str, list[float]]:
    """By row, the share for every task and seed; infinite where the target was not reached."""
    equal = {r.cell.repetition: r for r in records if r.cell.row == equal_weights and r.status == "done"}
    by_row: dict[str, list[float]] = {}
    for record in records:
        reference = equal.get(record.cell.repetition)
        if reference is not None and record.cell.tasks == reference.cell.tasks:
            by_row.setdefault(record.cell.row, []).extend(shares(record, reference))
    return by_row


def shares(record: Record, reference: Record) -> list[float]:
    """For each task, the step at which a run reaches the final result of the reference, over the reference's steps.

    Infinite for a task that never does. Tasks at which the reference ends no better than untrained are left out;
    empty if the reference has no curves.
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


def _all(by_suite: Mapping[str, Mapping[str, Sequence[float]]], row: str) -> list[float]:
    return [share for rows in by_suite.values() for share in rows.get(row, ())]


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
        return ["No other method ever reaches the final result of equal weights."]
    always = {row: mean_of(by_row[row]) for row, count in reached.items() if count == cases}
    if not always:
        often = max(reached, key=lambda row: reached[row])
        return [
            f"No other method reaches the final result of equal weights on every task and seed. {often} reaches it "
            f"most often: in {reached[often]} of {cases} cases."
        ]
    first = min(always, key=lambda row: always[row])
    reach = "reaches" if len(always) == 1 else "reach"
    return [
        f"{listed(list(always))} {reach} the final result of equal weights on every task and seed. The "
        f"fastest is {first}, with {formats.plain(always[first])} of the steps.",
    ]
