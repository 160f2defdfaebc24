"""Stability of the order of methods: from seed to seed, suite to suite, aggregate to aggregate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from benchmarks.analysis.means import mean_of_known
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import kendall, stability
from benchmarks.analysis.summaries import RowSummary, SuiteSummary
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock

TEXT = "Agreement of two orders of the methods, as Kendall's τ. A second copy of equal weights is left out."
LEGEND: Legend = (
    (
        "τ",
        "1: the same order; 0: unrelated orders; −1: the reverse order; two orders agree on the share (1 + τ) / 2 "
        "of the pairs of methods",
    ),
    ("two seeds", "orders by Δ taskwise of two seeds of a suite; mean over pairs of seeds"),
    ("two suites", "orders by mean Δ taskwise on this suite and on another suite with other data"),
    ("Δ taskwise and …", "orders of one suite by two ways to average its metrics"),
    ("any two aggregates", "mean over all pairs of these ways"),
    ("two optimisers", "orders of one suite trained with two optimisers"),
)
TASKWISE = "Δ taskwise"

AGGREGATES: dict[str, Callable[[RowSummary], float]] = {
    TASKWISE: lambda row: row.delta_taskwise.mean,
    "Δ metricwise": lambda row: row.delta_metricwise.mean,
    "last": lambda row: row.delta_last.mean,
    "same compute": lambda row: row.delta_equal_compute.mean,
    "error ratio": lambda row: -row.error_ratio,  # less is better
}
SEEDS, SUITES, OPTIMISERS, ANY_TWO = "two seeds", "two suites", "two optimisers", "any two aggregates"


def block(results: Results) -> ReportBlock | None:
    """The agreement of orders; none below two methods, or where nothing can be compared."""
    rows = best_first(results.aggregates, without=results.noise_floor)
    suites = results.aggregates.suites
    taus_by_orders = {SEEDS: [by_seed(suite, rows) for suite in suites]}
    if len(suites) > 1:
        taus_by_orders[SUITES] = by_suite(results, rows)
    for name in AGGREGATES:
        if name != TASKWISE:
            taus_by_orders[f"{TASKWISE} and {name}"] = [by_aggregate(suite, rows, (TASKWISE, name)) for suite in suites]
    taus_by_orders[ANY_TWO] = [by_aggregate(suite, rows, tuple(AGGREGATES)) for suite in suites]
    optimisers = by_optimiser(results, rows)
    if optimisers:
        taus_by_orders[OPTIMISERS] = optimisers
    taus_by_orders = {what: taus for what, taus in taus_by_orders.items() if not all(map(math.isnan, taus))}
    if not taus_by_orders:
        return None
    head = ["orders by", *(suite.name for suite in suites), "mean"]
    lines = [[what, *map(_text, [*taus, mean_of_known(taus)])] for what, taus in taus_by_orders.items()]
    sentences = _sentences({what: mean_of_known(taus) for what, taus in taus_by_orders.items()})
    return ReportBlock("ranking", "Stability of the order of methods", TEXT, (head, lines), tuple(sentences), LEGEND)


def _scores(suite: SuiteSummary, rows: Sequence[str], of: Callable[[RowSummary], float]) -> list[float]:
    """(methods,); NaN for a row without a result."""
    return [math.nan if (summary := suite.row(row)) is None else of(summary) for row in rows]


def by_seed(suite: SuiteSummary, rows: Sequence[str]) -> float:
    """Mean τ between the orders of two seeds of one suite."""
    seeds = sorted({seed for row in suite.rows for seed in row.deltas})
    columns = [_scores(suite, rows, lambda row, seed=seed: row.deltas.get(seed, math.nan)) for seed in seeds]
    return stability(np.reshape(columns, (len(seeds), len(rows)))).mean


def by_suite(results: Results, rows: Sequence[str]) -> list[float]:
    """For each suite, the mean τ between its order and those of the suites with other data."""
    suites, data = results.aggregates.suites, _data(results)
    scores = [_scores(suite, rows, AGGREGATES[TASKWISE]) for suite in suites]
    pairs = {
        (i, j): kendall(scores[i], scores[j])
        for i, j in combinations(range(len(suites)), 2)
        if data[suites[i].name] != data[suites[j].name]
    }
    return [mean_of_known(tau for pair, tau in pairs.items() if k in pair) for k in range(len(suites))]


def by_aggregate(suite: SuiteSummary, rows: Sequence[str], names: Sequence[str]) -> float:
    """Mean τ between the orders of two of these aggregates on one suite."""
    return stability([_scores(suite, rows, AGGREGATES[name]) for name in names]).mean


def by_optimiser(results: Results, rows: Sequence[str]) -> list[float]:
    """For each suite, the mean τ between orders with two optimizers, one of them its own; nothing if none has two."""
    suites, data = results.aggregates.suites, _data(results)
    scores = [_scores(suite, rows, AGGREGATES[TASKWISE]) for suite in suites]
    names = [data[suite.name] for suite in suites]
    taus = [
        mean_of_known(kendall(scores[k], scores[j]) for j in range(len(names)) if j != k and names[j] == names[k])
        for k in range(len(names))
    ]
    return taus if len(set(names)) < len(names) else []


def _data(results: Results) -> dict[str, str]:
    """The suite that each problem is about, whatever the optimizer."""
    return {record.cell.problem: record.cell.table for record in results.records}


def _text(tau: float) -> str:
    return formats.plain(tau).replace("-", "−")


def _sentences(means: dict[str, float]) -> list[str]:
    words = {
        SEEDS: "Two seeds of one suite",
        SUITES: "Two suites",
        ANY_TWO: "Two ways to average the metrics of one suite",
        OPTIMISERS: "Two optimisers",
    }
    return [
        f"{start} give orders of the methods that are {in_words(means[what])} (τ = {_text(means[what])})."
        for what, start in words.items()
        if what in means
    ]


def in_words(tau: float) -> str:
    """The agreement τ in words; two orders agree on the share (1 + τ) / 2 of the pairs of methods."""
    if tau >= 0.8:
        return "almost the same"
    if tau >= 0.5:
        return "the same in most pairs"
    return "different in many pairs" if tau >= 0.2 else "almost unrelated"
