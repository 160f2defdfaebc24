"""Noise floor and power: the difference between two copies of one method, and the differences that seeds can detect."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.comparison import Gain
from benchmarks.analysis.means import median_of_known
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import MIN_SEEDS, Paired, combined, hierarchical, paired, smallest_detectable
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import plural

POWER = 0.8
OVERALL = "mean over suites"
TEXT = "Noise of each suite and the differences that can be detected above it, in points of Δ taskwise."
LEGEND: Legend = (
    (
        "copies differ by",
        "mean difference of two copies of equal weights with different seeds, with its 95 % interval; if it is "
        "wide, only runs of the same seed can be compared",
    ),
    ("spread of copies", "standard deviation of that difference over seeds"),
    (
        "spread of differences",
        "standard deviation over seeds of the difference between a method and the reference in runs of the same "
        "seed; median over methods",
    ),
    (
        "detected with 80 %",
        "true difference that a paired t-test at the 5 % level detects with a probability of 80 %; median over "
        "methods; not corrected for the number of methods",
    ),
    ("–", "unknown, or too few seeds"),
)


def block(results: Results) -> ReportBlock | None:
    """The noise of each suite and the differences detected above it; none without methods to compare."""
    rows = [gain for gain in results.gains() if gain.row != results.noise_floor]
    if not rows:
        return None
    copies = copies_of_equal_weights(results)
    lines = []
    for suite in (suite.name for suite in results.aggregates.suites):
        spreads = [gain.by_suite[suite].estimate.sd for gain in rows if suite in gain.by_suite]
        seeds = [len(gain.by_suite[suite].differences) for gain in rows if suite in gain.by_suite]
        copy = copies.get(suite)
        lines.append(
            [
                suite,
                formats.delta(copy.estimate) if copy else formats.NONE,
                formats.plain(copy.estimate.sd if copy else math.nan),
                formats.plain(median_of_known(spreads)),
                formats.plain(on_suite(rows, suite)),
                str(max(seeds, default=0)),
            ]
        )
    everywhere = len(copies) == len(results.aggregates.suites)
    floor = hierarchical({suite: copy.differences.values() for suite, copy in copies.items()} if everywhere else {})
    last = [OVERALL, formats.delta(floor), formats.NONE, formats.NONE, formats.plain(over_suites(rows)), formats.NONE]
    head = ["suite", "copies differ by", "spread of copies", "spread of differences", "detected with 80 %", "seeds"]
    sentences = (*_noise(copies), *_power(results, rows))
    title = "Noise and detectable differences"
    return ReportBlock("sensitivity", title, TEXT, (head, [*lines, last]), sentences, LEGEND)


def copies_of_equal_weights(results: Results) -> dict[str, Paired]:
    """By suite, the second copy of equal weights minus the first; empty without a second copy."""
    if results.noise_floor is None:
        return {}
    rows = {
        s.name: (s.row(results.noise_floor), s.row(results.aggregates.equal_weights)) for s in results.aggregates.suites
    }
    pairs = {name: paired(again.deltas, first.deltas) for name, (again, first) in rows.items() if again and first}
    return {name: pair for name, pair in pairs.items() if pair.differences}


def on_suite(rows: Sequence[Gain], suite: str) -> float:
    """The smallest difference that the seeds of a suite detect, median over methods."""
    pairs = [gain.by_suite[suite] for gain in rows if suite in gain.by_suite]
    pairs = [pair for pair in pairs if len(pair.differences) >= MIN_SEEDS]  # with fewer nothing is tested
    return median_of_known(smallest_detectable(pair.estimate.sd, len(pair.differences), POWER) for pair in pairs)


def over_suites(rows: Sequence[Gain]) -> float:
    """The smallest mean difference over all suites that is detected, median over methods with results on all."""
    return median_of_known(_of_the_mean(gain) for gain in rows if not math.isnan(gain.overall.mean))


def _of_the_mean(gain: Gain) -> float:
    """For Welch's test: a standard error with ν degrees of freedom counts as one of ν + 1 seeds, rounded down."""
    welch = combined({suite: pair.differences.values() for suite, pair in gain.by_suite.items()})
    if math.isnan(welch.freedom):
        return math.nan
    seeds = 1 + math.floor(welch.freedom)
    return smallest_detectable(welch.error * math.sqrt(seeds), seeds, POWER)


def _noise(copies: dict[str, Paired]) -> list[str]:
    if not copies:
        return ["Without a second copy of equal weights, the effect of chance alone was not measured."]
    sizes = {suite: abs(copy.estimate.mean) for suite, copy in copies.items()}
    most = max(sizes, key=lambda suite: sizes[suite])
    return [
        f"Two copies of equal weights with different seeds differ by up to {formats.plain(sizes[most])} points "
        f"({most}). Differences of this size are chance where runs do not share their seeds."
    ]


def _power(results: Results, rows: Sequence[Gain]) -> list[str]:
    suites = {s.name: on_suite(rows, s.name) for s in results.aggregates.suites}
    known = {name: value for name, value in suites.items() if not math.isnan(value)}
    if not known:
        return [f"No difference is tested: no suite has {MIN_SEEDS} seeds shared with {results.reference}."]
    low, high = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    spans = f"{formats.plain(known[low])} points ({low})"
    spans += f" to {formats.plain(known[high])} ({high})" if high != low else ""
    on_one = [f"On a single suite, the smallest difference detected with a probability of 80 % is {spans}."]
    overall = over_suites(rows)
    if math.isnan(overall):
        return [*on_one, f"Over all suites nothing can be tested: a test needs {MIN_SEEDS} seeds on every suite."]
    judged = [gain for gain in rows if not math.isnan(gain.overall.mean)]
    small = sum(abs(gain.overall.mean) < overall for gain in judged)
    return [
        f"Over all suites, a mean difference of {formats.plain(overall)} points is detected with a probability of "
        f"80 %. {small} of {plural(len(judged), 'method')} {'differs' if small == 1 else 'differ'} from "
        f"{results.reference} by less.",
        *on_one,
    ]
