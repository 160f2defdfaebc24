"""Mean ranks over suites, and the power of so few suites to distinguish so many methods by their ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import LEVEL, Friedman, critical_difference, friedman, has_power, mean_ranks, ranks
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed

TEXT = (
    "Rank of each method by mean Δ taskwise, among the methods that were run on every suite. A mean rank depends on "
    "the methods compared: it changes when a method is added."
)
LEGEND: Legend = (
    ("mean rank", "mean over suites; 1 is best; methods without a finished run share the worst rank"),
    ("critical difference", "two mean ranks that differ by more are significantly different (Nemenyi's test)"),
)
FEWEST = 2  # suites, and methods


def block(results: Results) -> ReportBlock | None:
    """Mean ranks with Friedman's test; none below two suites or two methods that have been run on all of them."""
    suites = results.aggregates.suites
    rows = [
        row
        for row in best_first(results.aggregates, without=results.noise_floor)
        if all(suite.row(row) is not None for suite in suites)
    ]
    if len(suites) < FEWEST or len(rows) < FEWEST:
        return None
    scores = np.array([[summary.delta_taskwise.mean for s in suites if (summary := s.row(row))] for row in rows])
    if np.isnan(scores).all():
        return None
    means: list[float] = mean_ranks(scores).tolist()
    on = np.array([ranks(column.tolist(), higher_is_better=True) for column in scores.T]).T
    lines = [
        [rows[i], formats.plain(means[i]), *(formats.plain(rank, 1) for rank in on[i])]
        for i in sorted(range(len(rows)), key=lambda i: means[i])
    ]
    head = ["method", "mean rank", *(suite.name for suite in suites)]
    sentences = (*_tested(friedman(scores)), *_apart(rows, means, len(suites)))
    return ReportBlock("ranks", "Mean ranks and their power", TEXT, (head, lines), sentences, LEGEND)


def _tested(test: Friedman) -> list[str]:
    if math.isnan(test.p_value):
        return []
    verdict = "differ significantly" if test.p_value < 1 - LEVEL else "do not differ significantly"
    p = formats.probability(test.p_value)
    sign = "" if p.startswith("<") else "= "
    return [f"Expected ranks {verdict} by Friedman's test (χ² = {formats.plain(test.statistic, 1)}, p {sign}{p})."]


def _apart(rows: Sequence[str], means: Sequence[float], suites: int) -> list[str]:
    power = has_power(len(rows), suites)
    if not power:
        return [f"{power}, so ranks cannot show a significant difference between any two of them."]
    first = min(means)
    best = rows[means.index(first)]
    far = critical_difference(len(rows), suites)
    worse = [row for mean, row in sorted(zip(means, rows, strict=True)) if mean - first > far]
    are = "is" if len(worse) == 1 else "are"
    verdict = f"{listed(worse)} {are} significantly behind {best}" if worse else f"none is significantly behind {best}"
    return [f"{power}; {verdict}."]
