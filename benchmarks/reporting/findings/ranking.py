"""Stability of the order of methods: from seed to seed, suite to suite, aggregate to aggregate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import kendall, stability
from benchmarks.analysis.summaries import RowSummary, SuiteSummary
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import mean_of_known, methods

TEXT = (
    "Kendall's τ between two orders of the multi-task rows: 1 for the same order, 0 on average for orders that have "
    "nothing to do with each other, −1 for the reverse. A second copy of equal weights is left out. *Seeds*: orders by "
    "Δ taskwise of two seeds, mean over pairs. *Suites*: by mean Δ taskwise on this suite and on another. Then orders "
    "of one suite by two ways to sum up its tasks, and by two optimisers."
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


def block(study: Results) -> Block | None:
    """How far orders agree; none below two methods, or where nothing can be compared."""
    rows = methods(study.aggregates, without=study.noise_floor)
    suites = study.aggregates.suites
    found = {SEEDS: [by_seed(suite, rows) for suite in suites]}
    if len(suites) > 1:
        found[SUITES] = by_suite(study, rows)
    for name in AGGREGATES:
        if name != TASKWISE:
            found[f"{TASKWISE} and {name}"] = [by_aggregate(suite, rows, (TASKWISE, name)) for suite in suites]
    found[ANY_TWO] = [by_aggregate(suite, rows, tuple(AGGREGATES)) for suite in suites]
    optimisers = by_optimiser(study, rows)
    if optimisers:
        found[OPTIMISERS] = optimisers
    found = {what: taus for what, taus in found.items() if not all(map(math.isnan, taus))}
    if not found:
        return None
    head = ["orders by", *(suite.name for suite in suites), "mean"]
    lines = [[what, *map(_text, [*taus, mean_of_known(taus)])] for what, taus in found.items()]
    said = _sentences({what: mean_of_known(taus) for what, taus in found.items()})
    return Block("ranking", "How stable the order of methods is", TEXT, (head, lines), tuple(said))


def _scores(suite: SuiteSummary, rows: Sequence[str], of: Callable[[RowSummary], float]) -> list[float]:
    """(methods,); NaN for a row without a result."""
    return [math.nan if (found := suite.row(row)) is None else of(found) for row in rows]


def by_seed(suite: SuiteSummary, rows: Sequence[str]) -> float:
    """Mean τ between the orders of two seeds of one suite."""
    seeds = sorted({seed for row in suite.rows for seed in row.deltas})
    columns = [_scores(suite, rows, lambda row, seed=seed: row.deltas.get(seed, math.nan)) for seed in seeds]
    return stability(np.reshape(columns, (len(seeds), len(rows)))).mean


def by_suite(study: Results, rows: Sequence[str]) -> list[float]:
    """For each suite, the mean τ between its order and those of the suites with other data."""
    suites, data = study.aggregates.suites, _data(study)
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


def by_optimiser(study: Results, rows: Sequence[str]) -> list[float]:
    """For each suite, the mean τ between orders with two optimizers, one of them its own; nothing if none has two."""
    suites, data = study.aggregates.suites, _data(study)
    scores = [_scores(suite, rows, AGGREGATES[TASKWISE]) for suite in suites]
    names = [data[suite.name] for suite in suites]
    found = [
        mean_of_known(kendall(scores[k], scores[j]) for j in range(len(names)) if j != k and names[j] == names[k])
        for k in range(len(names))
    ]
    return found if len(set(names)) < len(names) else []


def _data(study: Results) -> dict[str, str]:
    """The suite that each problem is about, whatever the optimizer."""
    return {record.cell.problem: record.cell.table for record in study.records}


def _text(tau: float) -> str:
    return formats.plain(tau).replace("-", "−")


def _sentences(means: dict[str, float]) -> list[str]:
    words = {
        SEEDS: "Two seeds of one suite order the methods",
        SUITES: "Two suites order them",
        ANY_TWO: "Two ways to sum up the tasks of one suite order them",
        OPTIMISERS: "Two optimisers order them",
    }
    return [
        f"{start} {in_words(means[what])} (τ = {_text(means[what])})." for what, start in words.items() if what in means
    ]


def in_words(tau: float) -> str:
    """What a reader may take from τ; (1 + τ) / 2 is the share of pairs of methods that both orders agree on."""
    if tau >= 0.8:
        return "nearly alike"
    if tau >= 0.5:
        return "alike in most pairs"
    return "alike in some pairs only" if tau >= 0.2 else "hardly more alike than by chance"
