"""The first lines of the report: what beats single-task training and equal weights, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.comparison import ALPHA, Gain
from benchmarks.analysis.statistics import MIN_SEEDS, Estimate
from benchmarks.analysis.summaries import Aggregates, Overall
from benchmarks.reporting import formats
from benchmarks.words import listed, plural

FEW = 3  # rows that a sentence names with their intervals


class Verdict(NamedTuple):
    """How often one row is better than what it is compared with, over the suites where both have results."""

    better: int
    clearly: int  # of these, where the interval lies above 0
    of: int

    def __str__(self) -> str:
        """As in "3 of 4 suites (interval above 0 on 1)"."""
        text = f"{self.better} of {plural(self.of, 'suite')}"
        return f"{text} (interval above 0 on {self.clearly})" if self.clearly else text


def verdict(differences: Sequence[Estimate]) -> Verdict:
    """Count the differences above 0, and those whose interval is."""
    known = [d for d in differences if math.isfinite(d.mean)]
    return Verdict(sum(d.mean > 0 for d in known), sum(d.has_interval and d.low > 0 for d in known), len(known))


def over_single(row: Overall) -> Verdict:
    """How often a row beats the single-task baselines."""
    return verdict([found.delta_taskwise for found in row.by_suite.values()])


def over_equal(row: Overall) -> Verdict:
    """How often a row beats equal weights, seed by seed."""
    return verdict([found.over_equal for found in row.by_suite.values()])


def sentences(aggregates: Aggregates) -> list[str]:
    """The answer in a few plain sentences, the most important first."""
    if not any(over_single(row).of for row in aggregates.overall):
        return ["Nothing can be compared yet: no suite has both a finished method and finished single-task baselines."]
    return [*_best(aggregates), *_each(aggregates)]


def against(gains: Sequence[Gain], reference: str) -> list[str]:
    """What surely beats the reference over all suites, by how much, and what surely does worse."""
    tested = [gain for gain in gains if math.isfinite(gain.corrected)]
    if not tested:
        needs = f"that takes a result with {MIN_SEEDS} seeds on every suite"
        return [f"Against {reference} nothing can be tested over all suites: {needs}.", *_on_single_suites(gains)]
    how = f"corrected for {len(tested)} comparisons, p < {ALPHA:.2g}"
    better, worse = [g for g in tested if g.better], [g for g in tested if g.worse]
    if better:
        first = f"Over all suites, {_gains(better)} surely do better than {reference}, in points of Δ taskwise ({how})."
    else:
        first = f"Over all suites, none of {len(tested)} rows surely does better than {reference} ({how})."
    found = [first.replace("surely do better", "surely does better") if len(better) == 1 else first]
    return [*found, _worse(worse, len(tested)), *_on_single_suites(gains)]


def _worse(worse: Sequence[Gain], tested: int) -> str:
    if not worse:
        return "None is surely worse."
    if len(worse) <= FEW:
        return f"Surely worse {'is' if len(worse) == 1 else 'are'} {_gains(worse)}."
    return f"{len(worse)} of {tested} are surely worse, the nearest of them {_gains(worse[:1])}."


def _on_single_suites(gains: Sequence[Gain]) -> list[str]:
    rows: dict[str, list[str]] = {}
    for gain in gains:
        for suite in gain.surely(better=True):
            rows.setdefault(suite, []).append(gain.row)
    said = "; ".join(f"on {suite} {listed(names)}" for suite, names in rows.items())
    return [f"On single suites, each corrected for its rows, surely better are: {said}."] if said else []


def _gains(gains: Sequence[Gain]) -> str:
    return listed([f"{gain.row} ({formats.delta(gain.overall)})" for gain in gains])


def _best(aggregates: Aggregates) -> list[str]:
    ranked = [row for row in aggregates.overall if math.isfinite(row.delta_taskwise.mean)]
    count = len(aggregates.suites)
    where = f"Over {count} suites" if count > 1 else f"On {aggregates.suites[0].name}"
    if not ranked:
        return ["No method has results on every suite, so there is no best one over all of them."]
    best = ranked[0]
    winners = [row.row for row in ranked if row.delta_taskwise.mean > 0]
    if winners:
        first = (
            f"{where}, {listed(winners)} {'does' if len(winners) == 1 else 'do'} better than single-task on average."
        )
    else:
        first = f"{where}, no method does better than single-task on average."
    found = [first]
    if _few(aggregates):
        found.append("With so few seeds no method is called the best.")
    else:
        cost = f", at {formats.ratio(best.cost)} the time of an equal-weights step" if math.isfinite(best.cost) else ""
        found.append(f"Best is {best.row} with a mean Δ of {formats.delta(best.delta_taskwise)} %{cost}.")
    if winners and not any(over_single(row).clearly for row in ranked):
        found.append("No gain is certain: no interval lies above 0.")
    return found


def _few(aggregates: Aggregates) -> list[str]:
    """The suites with too few seeds to call anything the best."""
    return [f"{s.name} ({s.rows[0].total})" for s in aggregates.suites if s.rows[0].total < MIN_SEEDS]


def _each(aggregates: Aggregates) -> list[str]:
    found = []
    for row in aggregates.overall:
        single, equal = over_single(row), over_equal(row)
        text = f"{row.row} beats single-task on {single}" if single.of else f"{row.row} cannot be compared"
        if row.row == aggregates.equal_weights:
            text += " (it is the row of equal weights)"
        elif equal.of:
            gain = float(
                np.mean([r.over_equal.mean for r in row.by_suite.values() if math.isfinite(r.over_equal.mean)])
            )
            text += f", and equal weights on {equal} ({formats.percent(gain)} points on average)"
        if row.done < row.total:
            text += f"; {row.total - row.done} of its {row.total} runs gave no result"
        found.append(text + ".")
    return found


UNTUNED = (
    " Settings are defaults, and tuned fixed weights are not among the rows: it shows that everything runs, what steps "
    "cost and effects that are large, not which method is better."
)


def caution(aggregates: Aggregates, *, tuned: bool) -> str:
    """How far the numbers can be trusted, by the number of seeds.

    Args:
        aggregates: what is shown.
        tuned: whether tuned fixed weights are among the rows.
    """
    few, more = _few(aggregates), "" if tuned else UNTUNED
    if not few:
        return f"Every suite has at least {MIN_SEEDS} seeds. “Surely” means p < {ALPHA:.2g} after correction.{more}"
    return (
        f"Smoke run: fewer than {MIN_SEEDS} seeds on {', '.join(few)}. No interval is given there, and small "
        f"differences can be chance.{more}"
    )
