"""What is typical of a row: the mean of the middle half of its runs, and how many runs reach how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.analysis.comparison import Gain
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import Estimate, iqm, performance_profile
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import listed, plural

THRESHOLDS = (-10, -5, -2, 0, 2, 5)  # points of Δ taskwise

TEXT = (
    "Differences of Δ taskwise to {reference}, in points, between runs of the same seed; every suite has the same "
    "weight. *IQM*: the interquartile mean, the mean of the middle half of all runs, with a 95 % interval; a single "
    "wild run or suite does not move it. Then the share of runs, in percent, that are at or above so many points; a "
    "run that failed reaches none. One row is better than another for every purpose only if all its shares are at "
    "least as high. *Runs*: finished ones of all; the IQM is over the finished ones. A dash: a suite is missing."
)


def block(study: Results) -> Block | None:
    """The interquartile mean and the performance profile of every row; none without runs of the reference."""
    gains = study.gains()
    if not gains:
        return None
    suites = {suite.name: seeds for suite in study.aggregates.suites if (seeds := _seeds(study, suite.name))}
    found = {gain.row: typical(gain, suites) for gain in gains}
    profiles = {gain.row: profile(gain, suites) for gain in gains}
    head = ["row", "IQM", *(f"≥ {f'{t:+d}'.replace('-', '−').replace('+0', '0')}" for t in THRESHOLDS), "runs"]
    total = sum(map(len, suites.values()))
    lines = []
    for row, shares in profiles.items():
        percents = [formats.plain(100 * share, 0) for share in shares]
        lines.append([row, formats.delta(found[row]), *percents, formats.count(found[row].count, total)])
    title = f"What is typical, against {study.reference}"
    text = TEXT.format(reference=study.reference)
    return Block("typical", title, text, (head, lines), tuple(_sentences(found, profiles, study.reference)))


def _seeds(study: Results, suite: str) -> list[int]:
    """The seeds in which the reference has a result."""
    found = next(each for each in study.aggregates.suites if each.name == suite).row(study.reference)
    return list(found.deltas) if found else []


def typical(gain: Gain, suites: Mapping[str, Sequence[int]]) -> Estimate:
    """Interquartile mean of the differences over these suites; NaN where one is missing."""
    return iqm({suite: _differences(gain, suite).values() for suite in suites})


def profile(gain: Gain, suites: Mapping[str, Sequence[int]]) -> list[float]:
    """Share of the runs at or above each of `THRESHOLDS`; NaN where a suite is missing.

    Args:
        gain: a row against the reference.
        suites: the seeds of the reference on each suite; one that the row has no result for reaches no threshold.
    """
    if not all(_differences(gain, suite) for suite in suites):
        return [math.nan] * len(THRESHOLDS)
    reached = {
        suite: [_differences(gain, suite).get(seed, math.nan) for seed in seeds] for suite, seeds in suites.items()
    }
    return performance_profile(reached, THRESHOLDS).tolist()


def _differences(gain: Gain, suite: str) -> Mapping[int, float]:
    return gain.by_suite[suite].differences if suite in gain.by_suite else {}


def _sentences(found: Mapping[str, Estimate], profiles: Mapping[str, Sequence[float]], reference: str) -> list[str]:
    known = {row: value for row, value in found.items() if not math.isnan(value.mean)}
    if not known:
        return [f"No row has runs on every suite where {reference} has some."]
    top = max(known, key=lambda row: known[row].mean)
    said = [f"Typically best is {top}: {formats.delta(known[top])} points against {reference}."]
    above = [row for row, value in known.items() if value.has_interval and value.low > 0]
    if any(value.has_interval for value in known.values()):
        who = f"{listed(above)} ({len(above)} of {plural(len(known), 'row')})" if above else "no row"
        said.append(f"The interval lies above 0 for {who}.")
    zero = THRESHOLDS.index(0)
    half = [row for row in known if profiles[row][zero] >= 0.5]
    said.append(f"At least every second run is at or above {reference} with {listed(half)}.")
    return said
