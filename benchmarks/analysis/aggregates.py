"""From records to numbers: per task, per row of a suite, and over suites. Failures are counted, never dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from benchmarks.analysis import scores
from benchmarks.analysis.failures import failures_of
from benchmarks.analysis.scores import Baseline, State
from benchmarks.analysis.statistics import estimate, geometric_mean, hierarchical, ranks
from benchmarks.analysis.summaries import Aggregates, MetricSummary, Overall, RowSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK, MetricFact, Record, Scalars

STATES: tuple[State, ...] = ("best", "last", "at_equal_compute")

_Place = Callable[[str], tuple[int, list[tuple[int, str]]]]


def aggregate(records: Sequence[Record], equal_weights: str = "fixed", order: Sequence[str] = ()) -> Aggregates:
    """Aggregate the records of one results folder, one learning rate per row.

    Args:
        records: all runs of the chosen learning rates, failed ones included.
        equal_weights: the row that cost and gains are relative to.
        order: suites and rows in the order to show them; others follow by name.

    Raises:
        ValueError: there are no records.
    """
    if not records:
        raise ValueError("there are no records to aggregate; run `make bench` first")
    place = _places(order, equal_weights)
    names = sorted({r.cell.problem for r in records}, key=place)
    by_suite = {name: [r for r in records if r.cell.problem == name] for name in names}
    suites = tuple(_suite(name, runs, equal_weights, place) for name, runs in by_suite.items())
    rows = tuple(sorted({r.cell.row for r in records}, key=place))
    overall = [_overall(row, suites) for row in rows if row != SINGLE_TASK]
    overall.sort(key=lambda o: (len(o.missing), math.isnan(o.delta_taskwise.mean), -o.delta_taskwise.mean))
    return Aggregates(suites, tuple(overall), rows, equal_weights)


def _places(order: Sequence[str], equal_weights: str) -> _Place:
    """A sort key: the baselines, equal weights, the names in ``order``, and the others by name."""
    first = [SINGLE_TASK, equal_weights, *order]
    return lambda name: (first.index(name) if name in first else len(first), _natural(name))


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key that puts suite-2 before suite-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


@dataclass(frozen=True)
class _Runs:
    """The records of one suite; what is asked for again and again is worked out once."""

    records: Sequence[Record]

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({r.cell.repetition for r in self.records})

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        longest = max((r.cell.tasks for r in self.records), key=len)
        return tuple(dict.fromkeys([*longest, *(task for r in self.records for task in r.cell.tasks)]))

    @cached_property
    def facts(self) -> dict[str, list[MetricFact]]:
        """The metrics of every task that some record knows them of, in the order of the tasks."""
        metrics_of = {task: metrics for r in self.records for task, metrics in r.metrics.items()}
        return {task: metrics_of[task] for task in self.tasks if task in metrics_of}

    @cached_property
    def by_row(self) -> dict[str, list[Record]]:
        rows: dict[str, list[Record]] = {}
        for record in self.records:
            rows.setdefault(record.cell.row, []).append(record)
        return rows

    @cached_property
    def baselines(self) -> dict[State, Baseline]:
        return {state: Baseline(scores.outcomes(self.by_row.get(SINGLE_TASK, []), state)) for state in STATES}


def _suite(name: str, records: Sequence[Record], equal_weights: str, place: _Place) -> SuiteSummary:
    runs = _Runs(records)
    order = sorted(runs.by_row, key=place)
    rows = _ranked([_row(row, runs) for row in order], list(runs.facts))
    reference = next((row for row in rows if row.row == equal_weights), None)
    if reference is not None:
        rows = [_compared(row, reference) for row in rows]
    failures = tuple(failure for row in order for failure in failures_of(row, runs.by_row[row], runs.tasks, runs.seeds))
    return SuiteSummary(name, runs.tasks, tuple(rows), failures)


def _row(name: str, runs: _Runs) -> RowSummary:
    records, facts = runs.by_row[name], runs.facts
    best = scores.outcomes(records, "best")
    by_seed, last, equal = (_relative(name, runs, state) for state in STATES)
    deltas, deltas_equal = (
        {seed: scores.delta_taskwise(value) for seed, value in relative.items()} for relative in (by_seed, equal)
    )
    metrics = tuple(_metric(task, fact, records, runs) for task, of_task in facts.items() for fact in of_task)
    return RowSummary(
        row=name,
        metrics=metrics,
        done=sum(all(task in values for task in runs.tasks) for values in best.values()),
        total=len(runs.seeds),
        delta_metricwise=estimate(scores.delta_metricwise(value) for value in by_seed.values()),
        delta_taskwise=estimate(deltas.values()),
        delta_last=estimate(scores.delta_taskwise(value) for value in last.values()),
        delta_equal_compute=estimate(deltas_equal.values()),
        over_equal=estimate(()),
        error_ratio=math.nan if name == SINGLE_TASK else scores.error_ratio(best, runs.baselines["best"], facts),
        hurt=_hurt([m for m in metrics if m.primary]),
        rank=math.nan,
        seconds=scores.seconds_per_step(records),
        forwards=scores.forwards_per_step(records),
        cost=math.nan,
        deltas=deltas,
        deltas_equal_compute=deltas_equal,
    )


def _relative(name: str, runs: _Runs, state: State) -> dict[int, dict[str, list[float]]]:
    """By seed, the relative differences to the baselines; nothing for the baselines themselves."""
    if name == SINGLE_TASK:
        return {}
    baseline = runs.baselines[state]
    facts = scores.scored(runs.facts, baseline)
    outcomes: dict[int, Scalars] = scores.outcomes(runs.by_row[name], state)
    return {seed: scores.relative_by_task(values, seed, baseline, facts) for seed, values in outcomes.items()}


def _metric(task: str, fact: MetricFact, records: Sequence[Record], runs: _Runs) -> MetricSummary:
    best, last = (
        estimate(values[task][fact.name] for values in scores.outcomes(records, state).values() if task in values)
        for state in ("best", "last")
    )
    single = runs.baselines["best"].mean(task, fact.name)
    difference = scores.difference(best.mean, single, fact)
    return MetricSummary(
        task=task,
        fact=fact,
        primary=fact == runs.facts[task][0],
        best=best,
        last=last,
        single_task=single,
        difference=difference,
        relative=scores.percent(difference, scores.unit(single, fact)),
        learning_rates=tuple(sorted({r.cell.learning_rate for r in records if task in r.cell.tasks})),
    )


def _hurt(primary: Sequence[MetricSummary]) -> int | None:
    """How many tasks are worse than single-task; none without a complete comparison."""
    complete = all(math.isfinite(metric.difference) for metric in primary)
    return sum(metric.difference < 0 for metric in primary) if complete and primary else None


def _ranked(rows: Sequence[RowSummary], tasks: Sequence[str]) -> list[RowSummary]:
    """The rows with their mean rank over tasks; the baselines take no part."""
    ranked = [row for row in rows if row.row != SINGLE_TASK]
    by_task = [
        ranks([row.primary[k].best.mean for row in ranked], higher_is_better=ranked[0].primary[k].fact.higher_is_better)
        for k in range(len(tasks))
        if ranked
    ]
    if not by_task:
        return list(rows)
    mean = {row.row: float(rank) for row, rank in zip(ranked, np.mean(by_task, axis=0), strict=True)}
    return [replace(row, rank=mean.get(row.row, math.nan)) for row in rows]


def _compared(row: RowSummary, reference: RowSummary) -> RowSummary:
    """The row with its cost and its gain relative to equal weights."""
    shared = [seed for seed in row.deltas if seed in reference.deltas and row.row != reference.row]
    gains = estimate(row.deltas[seed] - reference.deltas[seed] for seed in shared)
    by_seconds = row.row == SINGLE_TASK  # their forward pass is another one
    cost = row.seconds / reference.seconds if by_seconds else row.forwards / reference.forwards
    return replace(row, over_equal=gains, cost=cost)


def _overall(row: str, suites: Sequence[SuiteSummary]) -> Overall:
    by_suite = {suite.name: summary for suite in suites if (summary := suite.row(row)) is not None}
    missing = tuple(s.name for s in suites if s.name not in by_suite or by_suite[s.name].done == 0)
    complete = len(by_suite) == len(suites)
    summaries = list(by_suite.values()) if complete else []
    return Overall(
        row=row,
        by_suite=by_suite,
        missing=missing,
        delta_taskwise=hierarchical({name: by_suite[name].deltas.values() for name in by_suite} if complete else {}),
        rank=float(np.mean([r.rank for r in summaries])) if summaries else math.nan,
        cost=geometric_mean(r.cost for r in summaries),
        done=sum(r.done for r in by_suite.values()),
        total=sum(s.rows[0].total for s in suites),
    )
