"""The first lines of the report: which methods beat tuned weights, equal weights and single-task, and how reliably."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.comparison import ALPHA, Gain
from benchmarks.analysis.leave_one_out import FEWEST, Remainder, deltas_without, sign_changes
from benchmarks.analysis.statistics import MIN_SEEDS, Estimate
from benchmarks.analysis.summaries import Aggregates, Overall
from benchmarks.reporting import formats
from benchmarks.reporting.words import listed, plural

FEW = 3  # methods that a sentence names with their intervals


class Verdict(NamedTuple):
    """How often one method is better than its reference, over the suites where both have results."""

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


def over_single(summary: Overall) -> Verdict:
    """How often a method beats the single-task baselines."""
    return verdict([row.delta_taskwise for row in summary.by_suite.values()])


def over_equal(summary: Overall) -> Verdict:
    """How often a method beats equal weights, seed by seed."""
    return verdict([row.over_equal for row in summary.by_suite.values()])


def sentences(aggregates: Aggregates) -> list[str]:
    """The answer in a few plain sentences, the most important first."""
    if not any(over_single(summary).of for summary in aggregates.overall):
        return ["Nothing can be compared yet: no suite has both a finished method and finished single-task baselines."]
    return [*_best(aggregates), *_each(aggregates)]


def against(gains: Sequence[Gain], reference: str) -> list[str]:
    """The methods that are significantly better than the reference over all suites, by how much, and the worse ones.

    Where the sign of a result depends on a single suite, the second sentence says so.
    """
    tested = [gain for gain in gains if math.isfinite(gain.corrected)]
    if not tested:
        needs = f"a test needs {MIN_SEEDS} seeds on every suite"
        return [f"No difference to {reference} can be tested over all suites: {needs}.", *_on_single_suites(gains)]
    how = f"p < {ALPHA:.2g}, corrected for {plural(len(tested), 'comparison')}"
    better, worse = [gain for gain in tested if gain.better], [gain for gain in tested if gain.worse]
    subject = f"{_gains(better)} {_are(better)}" if better else f"none of {plural(len(tested), 'method')} is"
    first = f"Over all suites, {subject} significantly better than {reference} ({how})."
    depends = [_depends(suite, changed, reference) for suite, changed in sign_changes(tested).items()]
    return [first, *depends, _worse(worse, len(tested), reference), *_on_single_suites(gains)]


def _depends(suite: str, changed: Sequence[Remainder], reference: str) -> str:
    """A sentence on the results over all suites that change their sign when one suite is left out."""
    groups = {
        "significantly better than": [each for each in changed if each.mean > 0 and each.significant],
        "significantly worse than": [each for each in changed if each.mean < 0 and each.significant],
        "no longer significantly different from": [each for each in changed if not each.significant],
    }
    named = {
        verb: [f"{each.method} ({formats.percent(each.mean)})" for each in group] for verb, group in groups.items()
    }
    parts = [f"{listed(names)} {_are(names)} {verb} {reference}" for verb, names in named.items() if names]
    return f"This depends on {suite}: over the other suites, {'; '.join(parts)}."


def _are(several: Sequence[object]) -> str:
    return "is" if len(several) == 1 else "are"


def _worse(worse: Sequence[Gain], tested: int, reference: str) -> str:
    if not worse:
        return f"None is significantly worse than {reference}."
    if len(worse) <= FEW:
        return f"{_gains(worse)} {_are(worse)} significantly worse than {reference}."
    return f"{len(worse)} of {tested} are significantly worse than {reference}; the nearest is {_gains(worse[:1])}."


def _on_single_suites(gains: Sequence[Gain]) -> list[str]:
    methods: dict[str, list[str]] = {}
    for gain in gains:
        for suite in gain.significant(better=True):
            methods.setdefault(suite, []).append(gain.row)
    texts = "; ".join(f"on {suite} {listed(names)}" for suite, names in methods.items())
    return [f"Significantly better on single suites, corrected for the methods of each: {texts}."] if texts else []


def _gains(gains: Sequence[Gain]) -> str:
    return listed([f"{gain.row} ({formats.delta(gain.overall)} points of Δ)" for gain in gains])


def _best(aggregates: Aggregates) -> list[str]:
    ranked = [summary for summary in aggregates.overall if math.isfinite(summary.delta_taskwise.mean)]
    count = len(aggregates.suites)
    where = f"Over {count} suites" if count > 1 else f"On {aggregates.suites[0].name}"
    if not ranked:
        return ["No method has results on every suite, so no method is the best over all of them."]
    winners = [summary.row for summary in ranked if summary.delta_taskwise.mean > 0]
    if winners:
        first = f"{where}, {listed(winners)} {_are(winners)} better than single-task on average{_signs(aggregates)}."
    else:
        first = f"{where}, no method is better than single-task on average{_signs(aggregates)}."
    few = "With so few seeds no method is called the best."
    second = few if _few(aggregates) else _first(ranked[0], aggregates)
    uncertain = winners and not any(over_single(summary).clearly for summary in ranked)
    return [first, second, *(["No gain is certain: no interval lies above 0."] if uncertain else [])]


def _signs(aggregates: Aggregates) -> str:
    """The suites without which the sign of the best mean Δ is another one; nothing if there is none."""
    best = next(summary for summary in aggregates.overall if math.isfinite(summary.delta_taskwise.mean))
    positive = best.delta_taskwise.mean > 0
    texts = []
    for suite in aggregates.suites if len(aggregates.suites) >= FEWEST else ():
        means = deltas_without(aggregates.overall, suite.name)
        above = [method for method, mean in means.items() if mean > 0]
        if bool(above) != positive:
            texts.append(
                f"without {suite.name}, {listed(above)} {_are(above)}" if above else f"without {suite.name}, none is"
            )
    return f" (this depends on one suite: {'; '.join(texts)})" if texts else ""


def _first(best: Overall, aggregates: Aggregates) -> str:
    """The method with the highest mean Δ, and the suites without which it is another one."""
    text = f"{best.row} has the highest mean Δ: {formats.delta(best.delta_taskwise)} %"
    if math.isfinite(best.cost):
        text += f", at {formats.ratio(best.cost)} the time of an equal-weights step"
    leaders = {
        suite.name: next(iter(deltas_without(aggregates.overall, suite.name)), best.row)
        for suite in aggregates.suites
        if len(aggregates.suites) >= FEWEST
    }
    others = [f"without {suite} it is {leader}" for suite, leader in leaders.items() if leader != best.row]
    return f"{text}; {', '.join(others)}." if others else f"{text}."


def _few(aggregates: Aggregates) -> list[str]:
    """The suites with too few seeds to call anything the best."""
    return [f"{s.name} ({s.rows[0].total})" for s in aggregates.suites if s.rows[0].total < MIN_SEEDS]


def _each(aggregates: Aggregates) -> list[str]:
    return [_of_method(summary, aggregates.equal_weights) for summary in aggregates.overall]


def _of_method(summary: Overall, equal_weights: str) -> str:
    """How one method compares with single-task and with equal weights, and how many of its runs failed."""
    single, equal = over_single(summary), over_equal(summary)
    text = f"{summary.row} beats single-task on {single}" if single.of else f"{summary.row} cannot be compared"
    if summary.row != equal_weights and equal.of:
        known = [r.over_equal.mean for r in summary.by_suite.values() if math.isfinite(r.over_equal.mean)]
        text += f", and equal weights on {equal} ({formats.percent(float(np.mean(known)))} points on average)"
    if summary.done < summary.total:
        text += f"; {summary.total - summary.done} of its {summary.total} runs have no result"
    return text + "."


UNTUNED = (
    " Every method runs with its default settings, and tuned weights were not run. These results show that everything "
    "runs, the cost of a step, and large effects; they do not show which method is better."
)


def caution(aggregates: Aggregates, *, tuned: bool) -> str:
    """How far the numbers can be trusted, by the number of seeds.

    Args:
        aggregates: of one results folder.
        tuned: whether tuned fixed weights are among the methods.
    """
    few, more = _few(aggregates), "" if tuned else UNTUNED
    if not few:
        return (
            f"Every suite has at least {MIN_SEEDS} seeds. “Significantly” means p < {ALPHA:.2g} after correction.{more}"
        )
    return (
        f"Smoke run: fewer than {MIN_SEEDS} seeds on {', '.join(few)}. Suites with so few seeds have no interval, and "
        f"small differences can be chance.{more}"
    )
