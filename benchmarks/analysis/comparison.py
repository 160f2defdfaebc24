"""Every method against a reference, seed by seed: the difference, its interval and its corrected p-value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.analysis.statistics import (
    Estimate,
    Paired,
    combined,
    hierarchical,
    holm,
    paired,
    probability_of_improvement,
)
from benchmarks.analysis.statistics.estimates import LEVEL
from benchmarks.analysis.summaries import Aggregates, RowSummary, SuiteSummary
from benchmarks.records.record import SINGLE_TASK

ALPHA = 1 - LEVEL  # what a corrected p-value must be below to be called significant

Deltas = Callable[[RowSummary], Mapping[int, float]]  # Δ taskwise by seed, of one state of the models


def chosen(row: RowSummary) -> Mapping[int, float]:
    """Δ at the state that validation chose."""
    return row.deltas


def of_equal_compute(row: RowSummary) -> Mapping[int, float]:
    """Δ after as much compute as equal weights spend."""
    return row.deltas_equal_compute


@dataclass(frozen=True)
class Gain:
    """A row minus the reference, in points of Δ taskwise.

    Attributes:
        row: the method.
        by_suite: the paired differences on each suite where both have runs.
        overall: their mean over all suites, for these suites; NaN where one is missing.
        p_value: two-sided, of "the mean over these suites is 0"; NaN where it cannot be tested.
        corrected: the same, corrected for the number of rows by Holm's method; NaN for a row that is no method.
        corrected_by_suite: the p-values of each suite, corrected for the rows of that suite.
        improvement: the chance that a run of the row beats one of the reference, on average over suites.
    """

    row: str
    by_suite: Mapping[str, Paired]
    overall: Estimate
    p_value: float
    corrected: float
    corrected_by_suite: Mapping[str, float]
    improvement: Estimate

    @property
    def better(self) -> bool:
        """Whether it is significantly better over all suites."""
        return self.corrected < ALPHA and self.overall.mean > 0

    @property
    def worse(self) -> bool:
        """Whether it is significantly worse over all suites."""
        return self.corrected < ALPHA and self.overall.mean < 0

    def significant(self, *, better: bool) -> list[str]:
        """The suites on which it is significantly better, or significantly worse."""
        sure = [name for name, p in self.corrected_by_suite.items() if p < ALPHA]
        return [name for name in sure if (self.by_suite[name].estimate.mean > 0) == better]


def gains(aggregates: Aggregates, reference: str, exempt: Sequence[str] = (), deltas: Deltas = chosen) -> list[Gain]:
    """Every multi-task row against the row ``reference``, the largest mean gain first.

    Args:
        aggregates: of one results folder.
        reference: a row's name; without runs of it there are no gains.
        exempt: rows that are no methods, such as copies of the reference: compared, but neither corrected nor counted.
        deltas: which state of the models is compared.
    """
    rows = [row for row in aggregates.rows if row not in (SINGLE_TASK, reference)]
    compared = [_gain(row, reference, aggregates.suites, deltas) for row in rows]
    compared = [gain for gain in compared if gain.by_suite]
    tested = [gain for gain in compared if gain.row not in exempt]
    corrected = dict(zip([g.row for g in tested], holm([g.p_value for g in tested]), strict=True)) if tested else {}
    by_suite = {suite.name: _corrected(suite.name, tested) for suite in aggregates.suites}
    complete = [
        replace(
            gain,
            corrected=float(corrected.get(gain.row, math.nan)),
            corrected_by_suite={name: by_suite[name].get(gain.row, math.nan) for name in gain.by_suite},
        )
        for gain in compared
    ]
    return sorted(complete, key=lambda gain: (math.isnan(gain.overall.mean), -gain.overall.mean))


def _gain(row: str, reference: str, suites: Sequence[SuiteSummary], deltas: Deltas) -> Gain:
    ours = {suite.name: deltas(summary) for suite in suites if (summary := suite.row(row)) is not None}
    theirs = {suite.name: deltas(summary) for suite in suites if (summary := suite.row(reference)) is not None}
    pairs = {name: paired(deltas, theirs[name]) for name, deltas in ours.items() if name in theirs}
    pairs = {name: pair for name, pair in pairs.items() if pair.differences}
    everywhere = len(pairs) == len(suites)
    differences = {name: list(pair.differences.values()) for name, pair in pairs.items()} if everywhere else {}
    shared = {name: theirs[name] for name in pairs} if everywhere else {}
    return Gain(
        row=row,
        by_suite=pairs,
        overall=hierarchical(differences),
        p_value=combined(differences).p_value,
        corrected=math.nan,
        corrected_by_suite={},
        improvement=probability_of_improvement({name: ours[name] for name in shared}, shared),
    )


def _corrected(suite: str, tested: Sequence[Gain]) -> dict[str, float]:
    gains_here = [gain for gain in tested if suite in gain.by_suite]
    corrected = holm([gain.by_suite[suite].p_value for gain in gains_here]) if gains_here else []
    return {gain.row: float(p) for gain, p in zip(gains_here, corrected, strict=True)}
