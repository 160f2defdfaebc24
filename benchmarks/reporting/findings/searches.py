"""What every search for settings tried: what validation said of it, and what it reaches on the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.records import selection
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting.findings.yardstick import Yardstick
from benchmarks.words import mean_of


class Search(NamedTuple):
    """One choice among n settings, in the order of trials and then learning rates.

    Numbers are means over the seeds that all settings have, of which there is one where each seed searches for itself.
    """

    trials: tuple[int, ...]  # (n,) 0 is the method's defaults
    validation: Array  # (n,) the score that settings are chosen by, lower is better; NaN where a run failed
    outcomes: Array  # (n,) Δ taskwise on test, in percent; NaN likewise
    chosen: int  # the setting that counts


def searches(study: Results) -> dict[str, dict[str, list[Search]]]:
    """By suite and row, every search among at least two settings of a multi-task row."""
    made: dict[tuple[str, str], list[selection.Search]] = {}
    for search in study.searches:
        cell = search.chosen[0].cell
        if cell.row != SINGLE_TASK and len(search.tried) > 1 and search.common:
            made.setdefault((cell.problem, cell.row), []).append(search)
    found: dict[str, dict[str, list[Search]]] = {}
    for suite in study.aggregates.suites:
        yardstick = Yardstick.of(study.of(suite.name))
        for row in suite.rows:
            if of_row := made.get((suite.name, row.row)):
                found.setdefault(suite.name, {})[row.row] = [_search(each, yardstick) for each in of_row]
    return found


def _search(search: selection.Search, yardstick: Yardstick) -> Search:
    order = sorted(search.tried)
    runs = [[record for record in search.tried[setting] if record.cell.seed in search.common] for setting in order]
    return Search(
        trials=tuple(trial for trial, _ in order),
        validation=np.array([mean_of(map(_score, of_setting)) for of_setting in runs]),
        outcomes=np.array([_outcome(of_setting, yardstick) for of_setting in runs]),
        chosen=order.index(search.best),
    )


def _score(run: Record) -> float:
    return math.nan if run.best is None else selection.score(run)


def _outcome(runs: Sequence[Record], yardstick: Yardstick) -> float:
    return mean_of(yardstick.delta(run.cell.repetition, run.best) for run in runs)


def everywhere(by_suite: Mapping[str, Mapping[str, Sequence[float]]], row: str) -> dict[str, Sequence[float]]:
    """The row's values on every suite; nothing if one lacks it, since a mean would be over other problems."""
    found = {suite: rows[row] for suite, rows in by_suite.items() if rows.get(row)}
    return found if len(found) == len(by_suite) else {}
