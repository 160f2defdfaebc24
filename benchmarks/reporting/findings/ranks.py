"""Mean ranks over suites, and whether so few suites can tell so many methods apart by them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import LEVEL, Friedman, critical_difference, friedman, has_power, mean_ranks, ranks
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import listed, methods

TEXT = (
    "Rank of each row by mean Δ taskwise among the rows that were run on every suite, 1 is best; a row without a "
    "finished run shares the worst. A mean rank depends on the company: it changes when a row is added. Nemenyi's "
    "critical difference is what two mean ranks must lie apart to be told apart."
)
FEWEST = 2  # suites, and methods


def block(study: Results) -> Block | None:
    """Mean ranks with Friedman's test; none below two suites or two methods that have been run on all of them."""
    suites = study.aggregates.suites
    rows = [
        row
        for row in methods(study.aggregates, without=study.noise_floor)
        if all(suite.row(row) is not None for suite in suites)
    ]
    if len(suites) < FEWEST or len(rows) < FEWEST:
        return None
    scores = np.array([[found.delta_taskwise.mean for s in suites if (found := s.row(row))] for row in rows])
    if np.isnan(scores).all():
        return None
    means: list[float] = mean_ranks(scores).tolist()
    on = np.array([ranks(column.tolist(), higher_is_better=True) for column in scores.T]).T
    lines = [
        [rows[i], formats.plain(means[i]), *(formats.plain(rank, 1) for rank in on[i])]
        for i in sorted(range(len(rows)), key=lambda i: means[i])
    ]
    head = ["row", "mean rank", *(suite.name for suite in suites)]
    said = (*_tested(friedman(scores)), *_apart(rows, means, len(suites)))
    return Block("ranks", "Mean ranks, and what they can show", TEXT, (head, lines), said)


def _tested(found: Friedman) -> list[str]:
    if math.isnan(found.p_value):
        return []
    verdict = "differ surely" if found.p_value < 1 - LEVEL else "may all be the same"
    p = formats.probability(found.p_value)
    sign = "" if p.startswith("<") else "= "
    return [f"By Friedman's test the expected ranks {verdict} (χ² = {formats.plain(found.statistic, 1)}, p {sign}{p})."]


def _apart(rows: Sequence[str], means: Sequence[float], suites: int) -> list[str]:
    power = has_power(len(rows), suites)
    if not power:
        return [f"{power}, so no two of them can be told apart by rank, and the order by mean rank proves nothing."]
    first = min(means)
    best = rows[means.index(first)]
    far = critical_difference(len(rows), suites)
    worse = [row for mean, row in sorted(zip(means, rows, strict=True)) if mean - first > far]
    verdict = f"surely behind {best} are {listed(worse)}" if worse else f"none is surely behind {best}"
    return [f"{power}; {verdict}."]
