"""Optimism of selection: how much better rows would look, had settings and states been chosen on the test split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import Estimate, hierarchical
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.reporting.findings.searches import Search, everywhere, searches
from benchmarks.reporting.findings.yardstick import Yardstick
from benchmarks.words import median_of_known, methods

TEXT = (
    "In points of Δ taskwise, mean over suites, with 95 % intervals. *Settings*: how much better the row would look if "
    "the best of all tried settings had been chosen by Δ on the test split instead of on validation. *States*: the "
    "same for the choice between the state that is best on validation and the last one. Both are what a reader of "
    "numbers chosen on the test split would be misled by. They are never below 0, and can be above it even where the "
    "splits are alike, since validation goes by the mean error and not by Δ. *Best − last*: what choosing the state on "
    "validation gained over taking the last one, which may be negative. Numbers chosen on the test split are shown "
    "here to be warned of; they appear nowhere else."
)

_Values = Mapping[str, Mapping[str, Sequence[float]]]  # suite -> row -> one value per seed or search


def block(study: Results) -> Block | None:
    """The optimism of every row; none where no finished run can be compared with single-task."""
    settings, (states, gained) = of_settings(searches(study)), of_states(study)
    rows = methods(study.aggregates)
    if not any(everywhere(states, row) for row in rows):
        return None
    columns = {"states": states, "best − last": gained}
    if settings:
        columns = {"settings": settings} | columns
    found = {row: [hierarchical(everywhere(values, row)) for values in columns.values()] for row in rows}
    found = {row: [*map(_not_negative, each[:-1]), each[-1]] for row, each in found.items()}
    lines = [[row, *map(formats.delta, estimates)] for row, estimates in found.items()]
    said = _sentences(found, list(columns))
    title = "Optimism: what choosing on the test split would pretend"
    return Block("optimism", title, TEXT, (["row", *columns], lines), tuple(said))


def _not_negative(optimism: Estimate) -> Estimate:
    """The same without the part of the interval that cannot be."""
    return replace(optimism, low=max(optimism.low, 0.0))  # NaN, where there is no interval, stays NaN


def of_settings(found: Mapping[str, Mapping[str, Sequence[Search]]]) -> dict[str, dict[str, list[float]]]:
    """By suite and row, the best outcome on test minus that of the setting that counts, for every search it has."""
    return {
        suite: {row: [v for made in each if not math.isnan(v := _optimism(made))] for row, each in rows.items()}
        for suite, rows in found.items()
    }


def _optimism(search: Search) -> float:
    known = search.outcomes[~np.isnan(search.outcomes)]
    return float(known.max() - search.outcomes[search.chosen]) if known.size else math.nan


def of_states(study: Results) -> tuple[_Values, _Values]:
    """By suite and row, seed by seed: the optimism of choosing the state, and Δ at the best state minus at the last.

    Both states are measured against the baselines at their best states, so that nothing but the state differs.
    """
    optimism: dict[str, dict[str, list[float]]] = {}
    gained: dict[str, dict[str, list[float]]] = {}
    rows = set(methods(study.aggregates))
    for suite in study.aggregates.suites:
        records = study.of(suite.name)
        yardstick = Yardstick.of(records)
        optimism[suite.name], gained[suite.name] = {}, {}
        for record in records:
            seed = record.cell.repetition
            better = yardstick.delta(seed, record.best) - yardstick.delta(seed, record.last)
            if record.cell.row in rows and not math.isnan(better):
                optimism[suite.name].setdefault(record.cell.row, []).append(max(0.0, -better))
                gained[suite.name].setdefault(record.cell.row, []).append(better)
    return optimism, gained


def _sentences(found: Mapping[str, Sequence[Estimate]], columns: Sequence[str]) -> list[str]:
    said = []
    for what in ("settings", "states"):
        if what not in columns:
            said.append("Every row had one setting, so there was none to choose and no optimism from choosing it.")
            continue
        means = {row: estimates[columns.index(what)].mean for row, estimates in found.items()}
        known = {row: mean for row, mean in means.items() if not math.isnan(mean)}
        if not known:
            said.append(f"No row has a choice of {what} on every suite.")
            continue
        top = max(known, key=lambda row: known[row])
        middle = formats.percent(median_of_known(known.values()))
        said.append(
            f"With {what} chosen on the test split the median row would look {middle} points better, and {top}, the "
            f"most favoured, {formats.percent(known[top])}."
            if known[top] > 0
            else f"With {what} chosen on the test split no row would look better."
        )
    return said
