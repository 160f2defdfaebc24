"""Typical runs of a method: the mean of the middle half of its runs, and the share of runs above thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.analysis.comparison import Gain
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import Estimate, iqm, performance_profile
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed, plural

THRESHOLDS = (-10, -5, -2, 0, 2, 5)  # points of Δ taskwise

TEXT = (
    "Differences of Δ taskwise to {reference}, in points, between runs of the same seed. Every suite has the same "
    "weight."
)
LEGEND: Legend = (
    (
        "IQM",
        "interquartile mean: mean of the middle half of the finished runs, with its 95 % interval; single extreme "
        "runs or suites do not move it",
    ),
    (
        "≥ t",
        "share of runs with a difference of at least t points, in percent; a run that failed reaches no threshold",
    ),
    ("runs", "finished runs / all runs"),
    ("–", "a suite is missing"),
)


def block(results: Results) -> ReportBlock | None:
    """The interquartile mean and the performance profile of every method; none without runs of the reference."""
    gains = results.gains()
    if not gains:
        return None
    suites = {suite.name: seeds for suite in results.aggregates.suites if (seeds := _seeds(results, suite.name))}
    means = {gain.row: typical(gain, suites) for gain in gains}
    profiles = {gain.row: profile(gain, suites) for gain in gains}
    head = ["method", "IQM", *(f"≥ {f'{t:+d}'.replace('-', '−').replace('+0', '0')}" for t in THRESHOLDS), "runs"]
    total = sum(map(len, suites.values()))
    lines = []
    for row, shares in profiles.items():
        percents = [formats.plain(100 * share, 0) for share in shares]
        lines.append([row, formats.delta(means[row]), *percents, formats.count(means[row].count, total)])
    title = f"Typical runs against {results.reference}"
    text = TEXT.format(reference=results.reference)
    return ReportBlock(
        "typical", title, text, (head, lines), tuple(_sentences(means, profiles, results.reference)), LEGEND
    )


def _seeds(results: Results, suite: str) -> list[int]:
    """The seeds in which the reference has a result."""
    summary = next(each for each in results.aggregates.suites if each.name == suite).row(results.reference)
    return list(summary.deltas) if summary else []


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


def _sentences(means: Mapping[str, Estimate], profiles: Mapping[str, Sequence[float]], reference: str) -> list[str]:
    known = {row: value for row, value in means.items() if not math.isnan(value.mean)}
    if not known:
        return [f"No method has runs on every suite where {reference} has some."]
    top = max(known, key=lambda row: known[row].mean)
    sentences = [f"{top} has the highest interquartile mean: {formats.delta(known[top])} points against {reference}."]
    above = [row for row, value in known.items() if value.has_interval and value.low > 0]
    if any(value.has_interval for value in known.values()):
        names = f"{listed(above)} ({len(above)} of {plural(len(known), 'method')})" if above else "no method"
        sentences.append(f"The interval lies above 0 for {names}.")
    zero = THRESHOLDS.index(0)
    half = [row for row in known if profiles[row][zero] >= 0.5]
    sentences.append(f"At least half of the runs are as good as {reference} or better for {listed(half)}.")
    return sentences
