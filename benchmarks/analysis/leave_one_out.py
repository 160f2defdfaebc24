"""Results over all suites but one: whether a comparison over several suites depends on a single one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.comparison import ALPHA, Gain
from benchmarks.analysis.statistics import combined, holm
from benchmarks.analysis.summaries import Overall

FEWEST = 2  # suites, of which one can be left out


class Remainder(NamedTuple):
    """A method minus the reference over the remaining suites, in points of Δ taskwise."""

    method: str
    mean: float
    corrected: float  # p-value, corrected for the number of methods; NaN where nothing can be tested

    @property
    def significant(self) -> bool:
        """Whether the difference is significant."""
        return self.corrected < ALPHA


def gains_without(gains: Sequence[Gain], suite: str) -> list[Remainder]:
    """The gains that are tested over all suites, tested over all suites but one; the largest first.

    Args:
        gains: every method against one reference.
        suite: to leave out.
    """
    tested = [gain for gain in gains if math.isfinite(gain.corrected)]
    if not tested or len(tested[0].by_suite) < FEWEST:
        return []
    differences = [
        {name: list(pair.differences.values()) for name, pair in gain.by_suite.items() if name != suite}
        for gain in tested
    ]
    corrected = holm([combined(by_suite).p_value for by_suite in differences])
    remainders = [
        Remainder(gain.row, float(np.mean([np.mean(values) for values in by_suite.values()])), float(p))
        for gain, by_suite, p in zip(tested, differences, corrected, strict=True)
    ]
    return sorted(remainders, key=lambda remainder: -remainder.mean)


def sign_changes(gains: Sequence[Gain]) -> dict[str, list[Remainder]]:
    """By suite, the methods whose gain changes its sign if that suite is left out, where a significant one does.

    A change counts if the gain is significant over all suites or over the remaining ones. Suites without a change are
    left out.
    """
    significant = {gain.row: gain.better or gain.worse for gain in gains}
    before = {gain.row: gain.overall.mean for gain in gains}
    suites = next((list(gain.by_suite) for gain in gains if math.isfinite(gain.corrected)), [])
    changes = {
        suite: [
            remainder
            for remainder in gains_without(gains, suite)
            if remainder.mean * before[remainder.method] < 0
            and (remainder.significant or significant[remainder.method])
        ]
        for suite in suites
    }
    return {suite: changed for suite, changed in changes.items() if changed}


def deltas_without(summaries: Sequence[Overall], suite: str) -> Mapping[str, float]:
    """By method with a result on every suite, the mean Δ taskwise over all suites but one, the highest first."""
    complete = [summary for summary in summaries if math.isfinite(summary.delta_taskwise.mean)]
    means = {
        summary.row: [row.delta_taskwise.mean for name, row in summary.by_suite.items() if name != suite]
        for summary in complete
    }
    mean_of = {method: float(np.mean(values)) for method, values in means.items() if values}
    return dict(sorted(mean_of.items(), key=lambda item: -item[1]))
