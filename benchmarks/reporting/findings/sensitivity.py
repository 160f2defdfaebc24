"""Noise floor and power: what two copies of one method differ by, and which differences so many seeds can find."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.comparison import Gain
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import MIN_SEEDS, Paired, combined, hierarchical, paired, smallest_detectable
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import median_of_known, plural

POWER = 0.8
OVERALL = "mean over suites"
TEXT = (
    "In points of Δ taskwise. *Copies differ by*: the mean difference of two copies of equal weights that differ in "
    "their seeds alone, with its interval; where it is wide, only runs of the same seed can be compared. *Spread of "
    "copies*: the standard deviation of that difference from seed to "
    "seed. *Spread of differences*: the standard deviation of a row's difference to {reference} in runs of the same "
    "seed, median over rows. *Found with 80 %*: the true difference that a paired t-test of so many seeds finds at the "
    "5 % level with a chance of 80 %, median over rows, before any correction for the number of rows; a smaller one is "
    "more likely missed."
)


def block(study: Results) -> Block | None:
    """The noise of each suite and what can be found above it; none without rows to compare."""
    rows = [gain for gain in study.gains() if gain.row != study.noise_floor]
    if not rows:
        return None
    copies = copies_of_equal_weights(study)
    lines = []
    for suite in (suite.name for suite in study.aggregates.suites):
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
    everywhere = len(copies) == len(study.aggregates.suites)
    floor = hierarchical({suite: copy.differences.values() for suite, copy in copies.items()} if everywhere else {})
    last = [OVERALL, formats.delta(floor), formats.NONE, formats.NONE, formats.plain(over_suites(rows)), formats.NONE]
    head = ["suite", "copies differ by", "spread of copies", "spread of differences", "found with 80 %", "seeds"]
    text = TEXT.format(reference=study.reference)
    said = (*_noise(copies), *_power(study, rows))
    return Block("sensitivity", "Noise, and what could be found", text, (head, [*lines, last]), said)


def copies_of_equal_weights(study: Results) -> dict[str, Paired]:
    """By suite, the second copy of equal weights minus the first; nothing for a study without a second one."""
    if study.noise_floor is None:
        return {}
    rows = {s.name: (s.row(study.noise_floor), s.row(study.aggregates.equal_weights)) for s in study.aggregates.suites}
    found = {name: paired(again.deltas, first.deltas) for name, (again, first) in rows.items() if again and first}
    return {name: pair for name, pair in found.items() if pair.differences}


def on_suite(rows: Sequence[Gain], suite: str) -> float:
    """The smallest difference that the seeds of a suite find, median over rows."""
    pairs = [gain.by_suite[suite] for gain in rows if suite in gain.by_suite]
    pairs = [pair for pair in pairs if len(pair.differences) >= MIN_SEEDS]  # with fewer nothing is tested
    return median_of_known(smallest_detectable(pair.estimate.sd, len(pair.differences), POWER) for pair in pairs)


def over_suites(rows: Sequence[Gain]) -> float:
    """The smallest mean difference over all suites that is found, median over rows that have all."""
    return median_of_known(_of_the_mean(gain) for gain in rows if not math.isnan(gain.overall.mean))


def _of_the_mean(gain: Gain) -> float:
    """For Welch's test: a standard error with ν degrees of freedom is that of ν + 1 seeds, and never of more."""
    found = combined({suite: pair.differences.values() for suite, pair in gain.by_suite.items()})
    if math.isnan(found.freedom):
        return math.nan
    seeds = 1 + math.floor(found.freedom)
    return smallest_detectable(found.error * math.sqrt(seeds), seeds, POWER)


def _noise(copies: dict[str, Paired]) -> list[str]:
    if not copies:
        return ["There is no second copy of equal weights here, so what chance alone can do was not measured."]
    sizes = {suite: abs(copy.estimate.mean) for suite, copy in copies.items()}
    most = max(sizes, key=lambda suite: sizes[suite])
    return [
        f"Two copies of equal weights with other seeds differ by up to {formats.plain(sizes[most])} points ({most}): "
        f"so much is chance where runs do not share their seeds."
    ]


def _power(study: Results, rows: Sequence[Gain]) -> list[str]:
    suites = {s.name: on_suite(rows, s.name) for s in study.aggregates.suites}
    known = {name: value for name, value in suites.items() if not math.isnan(value)}
    if not known:
        return [f"With fewer than {MIN_SEEDS} seeds of the same runs as {study.reference}, no difference is tested."]
    low, high = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    spans = f"{formats.plain(known[low])} points ({low})"
    spans += f" to {formats.plain(known[high])} ({high})" if high != low else ""
    said = [f"On a single suite, a difference is found with 80 % chance from {spans} on."]
    overall = over_suites(rows)
    if math.isnan(overall):
        return [*said, f"Over all suites nothing can be tested: that takes {MIN_SEEDS} seeds on every suite."]
    judged = [gain for gain in rows if not math.isnan(gain.overall.mean)]
    small = sum(abs(gain.overall.mean) < overall for gain in judged)
    return [
        f"Over all suites, a mean difference of {formats.plain(overall)} points is found with 80 % chance; {small} "
        f"of {plural(len(judged), 'row')} {'differs' if small == 1 else 'differ'} from {study.reference} by less.",
        *said,
    ]
