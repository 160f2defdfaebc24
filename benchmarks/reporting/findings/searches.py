"""Every search for settings: the settings tried, their scores on validation, and their results on the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.analysis.means import mean_of
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.records import selection
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting.findings.yardstick import Yardstick


class SettingChoice(NamedTuple):
    """One choice among n settings, in the order of trials and then learning rates.

    Numbers are means over the seeds that all settings have, of which there is one where each seed searches for itself.
    """

    trials: tuple[int, ...]  # (n,) 0 is the method's defaults
    validation: Array  # (n,) the score that settings are chosen by, lower is better; NaN where a run failed
    outcomes: Array  # (n,) Δ taskwise on test, in percent; NaN likewise
    chosen: int  # the index of the chosen setting


def searches(results: Results) -> dict[str, dict[str, list[SettingChoice]]]:
    """By suite and row, every search of a multi-task row among at least two settings."""
    searches_by_row: dict[tuple[str, str], list[selection.Search]] = {}
    for search in results.searches:
        cell = search.chosen[0].cell
        if cell.row != SINGLE_TASK and len(search.tried) > 1 and search.common:
            searches_by_row.setdefault((cell.problem, cell.row), []).append(search)
    choices: dict[str, dict[str, list[SettingChoice]]] = {}
    for suite in results.aggregates.suites:
        yardstick = Yardstick.of(results.of(suite.name))
        for row in suite.rows:
            if of_row := searches_by_row.get((suite.name, row.row)):
                choices.setdefault(suite.name, {})[row.row] = [_search(each, yardstick) for each in of_row]
    return choices


def _search(search: selection.Search, yardstick: Yardstick) -> SettingChoice:
    order = sorted(search.tried)
    runs = [[record for record in search.tried[setting] if record.cell.seed in search.common] for setting in order]
    return SettingChoice(
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
    """The row's values by suite; empty if the row lacks a suite, since a mean would be over fewer problems."""
    values = {suite: rows[row] for suite, rows in by_suite.items() if rows.get(row)}
    return values if len(values) == len(by_suite) else {}
