"""What every search for settings tried: what validation said of it, and what it reaches on the test split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks import select
from benchmarks.findings.words import mean_of
from benchmarks.findings.yardstick import Yardstick
from benchmarks.records import SINGLE_TASK, Record
from benchmarks.statistics.resampling import Array
from benchmarks.study import Study

_Tried = dict[tuple[int, float], dict[int, Record]]  # (trial, learning rate) -> seed -> run


class Search(NamedTuple):
    """One choice among n settings, in the order of trials and then learning rates.

    Each seed is a search of its own where every setting has every seed. Where settings were tried with few seeds there
    is one search, and its numbers are means over the seeds that all settings have.
    """

    trials: tuple[int, ...]  # (n,) 0 is the method's defaults
    validation: Array  # (n,) the score that settings are chosen by, lower is better; NaN where a run failed
    outcomes: Array  # (n,) Δ taskwise on test, in percent; NaN likewise
    chosen: int  # the setting that counts


def searches(study: Study) -> dict[str, dict[str, list[Search]]]:
    """By suite and row, every search among at least two settings of a multi-task row."""
    chosen = {record.id for record in study.records}
    tried: dict[tuple[str, str], _Tried] = {}
    for record in study.trials:
        cell = record.cell
        if cell.row != SINGLE_TASK:
            settings = tried.setdefault((cell.problem, cell.row), {})
            settings.setdefault((cell.trial, cell.learning_rate), {})[cell.seed] = record
    found: dict[str, dict[str, list[Search]]] = {}
    for suite in study.aggregates.suites:
        yardstick = Yardstick.of(study.of(suite.name))
        for row in suite.rows:
            settings = tried.get((suite.name, row.row), {})
            made = list(_searches(settings, yardstick, chosen)) if len(settings) > 1 else []
            if made:
                found.setdefault(suite.name, {})[row.row] = made
    return found


def _searches(settings: _Tried, yardstick: Yardstick, chosen: set[str]) -> Iterator[Search]:
    order = sorted(settings)
    seeds = [set(settings[setting]) for setting in order]
    common = sorted(set.intersection(*seeds))
    alone = all(each == seeds[0] for each in seeds)
    for together in [[seed] for seed in common] if alone else [common] if common else []:
        runs = [[settings[setting][seed] for seed in together] for setting in order]
        counts = [any(run.id in chosen for run in of_setting) for of_setting in runs]
        if True in counts:
            yield Search(
                trials=tuple(trial for trial, _ in order),
                validation=np.array([mean_of(map(_score, of_setting)) for of_setting in runs]),
                outcomes=np.array([_outcome(of_setting, yardstick) for of_setting in runs]),
                chosen=counts.index(True),
            )


def _score(run: Record) -> float:
    return math.nan if run.best is None else select.score(run)


def _outcome(runs: Sequence[Record], yardstick: Yardstick) -> float:
    return mean_of(yardstick.delta(run.cell.repetition, run.best) for run in runs)


def everywhere(by_suite: Mapping[str, Mapping[str, Sequence[float]]], row: str) -> dict[str, Sequence[float]]:
    """The row's values on every suite; nothing if one lacks it, since a mean would be over other problems."""
    found = {suite: rows[row] for suite, rows in by_suite.items() if rows.get(row)}
    return found if len(found) == len(by_suite) else {}
