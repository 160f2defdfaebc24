"""Optimism of selection: the gain in Δ if settings and checkpoints were chosen on the test split."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.analysis.means import median_of_known
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import Estimate, hierarchical
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.findings.searches import SettingChoice, everywhere, searches
from benchmarks.reporting.findings.yardstick import Yardstick

TEXT = (
    "How much better the numbers would look if they were selected on the test split, in points of Δ taskwise: mean "
    "over suites with 95 % intervals. This is the size of an error; no number in any other table is selected on the "
    "test split."
)
LEGEND: Legend = (
    (
        "settings",
        "Δ of the best of all tried settings on the test split, minus Δ of the setting chosen on validation; never "
        "negative",
    ),
    ("checkpoints", "the same for the choice between the selected checkpoint and the last one; never negative"),
    ("best − last", "Δ of the selected checkpoint minus Δ of the last checkpoint; it may be negative"),
)

SETTINGS, CHECKPOINTS = "settings", "checkpoints"

_Values = Mapping[str, Mapping[str, Sequence[float]]]  # suite -> row -> one value per seed or search


def block(results: Results) -> ReportBlock | None:
    """The optimism of every method; none where no finished run can be compared with single-task."""
    settings, (states, gained) = of_settings(searches(results)), of_states(results)
    rows = best_first(results.aggregates)
    if not any(everywhere(states, row) for row in rows):
        return None
    columns = {CHECKPOINTS: states, "best − last": gained}
    if settings:
        columns = {SETTINGS: settings} | columns
    estimates = {row: [hierarchical(everywhere(values, row)) for values in columns.values()] for row in rows}
    estimates = {row: [*map(_not_negative, each[:-1]), each[-1]] for row, each in estimates.items()}
    lines = [[row, *map(formats.delta, of_row)] for row, of_row in estimates.items()]
    sentences = _sentences(estimates, list(columns))
    title = "Optimism of selection on the test split"
    return ReportBlock("optimism", title, TEXT, (["method", *columns], lines), tuple(sentences), LEGEND)


def _not_negative(optimism: Estimate) -> Estimate:
    """The estimate with its interval cut off at 0, as optimism is never negative."""
    return replace(optimism, low=max(optimism.low, 0.0))  # NaN, where there is no interval, stays NaN


def of_settings(choices: Mapping[str, Mapping[str, Sequence[SettingChoice]]]) -> dict[str, dict[str, list[float]]]:
    """By suite and row, the best outcome on test minus the outcome of the chosen setting, for every search."""
    return {
        suite: {row: _known(map(_optimism, searched)) for row, searched in rows.items()}
        for suite, rows in choices.items()
    }


def _known(values: Iterable[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _optimism(choice: SettingChoice) -> float:
    known = choice.outcomes[~np.isnan(choice.outcomes)]
    return float(known.max() - choice.outcomes[choice.chosen]) if known.size else math.nan


def of_states(results: Results) -> tuple[_Values, _Values]:
    """By suite and row, seed by seed: the optimism of choosing the checkpoint, and Δ at the selected minus at the last.

    Both checkpoints are compared with the selected checkpoints of the baselines, so that nothing else differs.
    """
    optimism: dict[str, dict[str, list[float]]] = {}
    gained: dict[str, dict[str, list[float]]] = {}
    rows = set(best_first(results.aggregates))
    for suite in results.aggregates.suites:
        records = results.of(suite.name)
        yardstick = Yardstick.of(records)
        optimism[suite.name], gained[suite.name] = {}, {}
        for record in records:
            seed = record.cell.repetition
            better = yardstick.delta(seed, record.best) - yardstick.delta(seed, record.last)
            if record.cell.row in rows and not math.isnan(better):
                optimism[suite.name].setdefault(record.cell.row, []).append(max(0.0, -better))
                gained[suite.name].setdefault(record.cell.row, []).append(better)
    return optimism, gained


def _sentences(estimates: Mapping[str, Sequence[Estimate]], columns: Sequence[str]) -> list[str]:
    sentences = []
    for what in (SETTINGS, CHECKPOINTS):
        if what not in columns:
            sentences.append("Every method had one setting, so its choice cannot be optimistic.")
            continue
        means = {row: of_row[columns.index(what)].mean for row, of_row in estimates.items()}
        known = {row: mean for row, mean in means.items() if not math.isnan(mean)}
        if not known:
            sentences.append(f"No method has a choice of {what} on every suite.")
            continue
        top = max(known, key=lambda row: known[row])
        middle = formats.percent(median_of_known(known.values()))
        sentences.append(
            f"If {what} were chosen on the test split, the median method would look {middle} points better; {top} "
            f"would gain most ({formats.percent(known[top])})."
            if known[top] > 0
            else f"If {what} were chosen on the test split, no method would look better."
        )
    return sentences
