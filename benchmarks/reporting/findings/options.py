"""What an option changes: how much methods gain over single-task, and differ, at each of its values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
from scipy.stats import chi2, norm

from benchmarks.analysis import option_series
from benchmarks.analysis.option_gains import MOST_TASKS, Lines, along, baseline
from benchmarks.analysis.option_series import OptionSeries
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import MIN_SEEDS, Estimate
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.reporting.suites import suite_of
from benchmarks.words import listed, plural

TEXT = (
    "One column for each value of the option, all other options being the same. Rows are methods: {what}, in percent "
    "of the single-task models that were trained at the same value, with a 95 % interval where there are {seeds} seeds "
    "or more; above 0 is better. Above them, what single-task itself reaches: mean ± standard deviation (seeds)."
)
SIZES = " Last, how many parameters train in the encoder, which all tasks share; heads come on top."


def blocks(study: Results) -> list[Block]:
    """One finding for each option that several tables of a suite vary, in the order of the tables."""
    return [block(study, series) for series in option_series.of(study)]


def block(study: Results, series: OptionSeries) -> Block:
    """What one option changes: of the task that it names, or else on average over all tasks."""
    found = along(study, series)
    lines = found.mean if series.task is None else found.tasks[series.task]
    sizes = encoder_sizes(study, series)
    head = ["row", *map(series.label, series.values)]
    table = [*_baselines(study, series), *([row, *map(formats.delta, values)] for row, values in lines.items())]
    if sizes:
        table.append(["encoder parameters", *(f"{size:,}" for size in sizes)])
    what = "Δ taskwise" if series.task is None else f"the primary metric of {series.task}"
    text = TEXT.format(what=what, seeds=MIN_SEEDS) + (SIZES if sizes else "")
    said = [*_helping(series, lines), *_spread(series, lines), *_budget(study, series), *_caution(series, lines)]
    title = f"What the option changes: {series.subject} by {series.words}"
    return Block(f"options-{series.name}", title, text, (head, table), tuple(said))


def encoder_sizes(study: Results, series: OptionSeries) -> list[int]:
    """How many parameters of the encoder train at each value.

    Nothing if they are the same everywhere, or if a model cannot be built here. An option about labels changes no
    model, and none is built.
    """
    if series.is_share:
        return []
    found = []
    for point in series.points:
        try:
            suite = suite_of(study.of(point.table)[0])
            model = suite and suite.build(0, [suite.tasks[0].name])
        except Exception:  # weights that are not here, or a value that no model can have, of which records tell
            return []
        if model is None:
            return []
        found.append(sum(parameter.numel() for parameter in model.shared_parameters()))
    return found if len(set(found)) > 1 else []


def _baselines(study: Results, series: OptionSeries) -> list[list[str]]:
    """What single-task reaches on the task that the option names, or on every task if these are not many."""
    table = next(suite for suite in study.aggregates.suites if suite.name == series.points[0].table)
    shown = [metric for metric in table.rows[0].primary if series.task in (None, metric.task)]
    return [
        [
            f"single-task, {metric.task}: {metric.fact.name} {'↑' if metric.fact.higher_is_better else '↓'}",
            *map(formats.spread, baseline(study, series, metric.task)),
        ]
        for metric in shown
        if len(shown) <= MOST_TASKS
    ]


def _helping(series: OptionSeries, lines: Lines) -> list[str]:
    """Who is better than single-task at the smallest value, and at the largest."""
    return [_at(series, lines, 0), _at(series, lines, -1)]


def _at(series: OptionSeries, lines: Lines, place: int) -> str:
    where = _where(series, series.values[place])
    known = {row: values[place] for row, values in lines.items() if math.isfinite(values[place].mean)}
    if not known:
        return f"{where}, nothing can be compared: single-task or a finished run is missing."
    ordered = sorted(known, key=lambda row: -known[row].mean)
    above = [row for row in ordered if known[row].mean > 0]
    what = "in Δ taskwise" if series.task is None else f"on {series.task}"
    who = f"{listed(above)} ({len(above)} of {plural(len(known), 'row')})" if above else "no row"
    verb = "are" if len(above) > 1 else "is"
    best = f"{ordered[0]} is first with {formats.delta(known[ordered[0]])} %"
    return f"{where}, {who} {verb} better than single-task {what} on average; {best}{_surely(known)}."


def _surely(known: Mapping[str, Estimate]) -> str:
    """Of how many rows the interval lies on one side of 0; nothing without intervals."""
    judged = [value for value in known.values() if value.has_interval]
    if not judged:
        return ""
    better, worse = sum(value.low > 0 for value in judged), sum(value.high < 0 for value in judged)
    return f", and the interval lies above 0 for {plural(better, 'row')}, below for {worse}"


def _where(series: OptionSeries, value: float) -> str:
    if series.is_share:
        return f"With {series.label(value)} of the labels of {series.task}"
    return f"At {series.option} = {series.label(value)}"


def _spread(series: OptionSeries, lines: Lines) -> list[str]:
    """Whether rows differ more or less along the option, beside what their seeds alone would make of them."""
    complete = [values for values in lines.values() if all(math.isfinite(value.mean) for value in values)]
    if len(complete) < 2:
        return []
    means = np.array([[value.mean for value in values] for values in complete])  # (rows, values)
    middle = [_middle_half(at) for at in means.T]
    whole: list[float] = np.ptp(means, axis=0).tolist()
    ends = " and ".join(series.label(value) for value in (series.values[0], series.values[-1]))
    said = (
        f"At {ends} the middle half of the rows spans {_both(middle)} points (from the best to the worst row: "
        f"{_both(whole)}); along the option it {_course(middle)}"
    )
    chance = [by_chance([values[place] for values in complete]) for place in (0, -1)]
    known = all(map(math.isfinite, chance))
    return [f"{said}. Rows that differ by their seeds alone would span about {_both(chance)}." if known else f"{said}."]


def _both(ends: Sequence[float]) -> str:
    return f"{formats.plain(ends[0])} and {formats.plain(ends[-1])}"


def _course(spreads: Sequence[float]) -> str:
    steps = [after - before for before, after in pairwise(spreads)]
    if all(step > 0 for step in steps):
        return "grows from value to value"
    if all(step < 0 for step in steps):
        return "shrinks from value to value"
    return "neither grows nor shrinks steadily"


def by_chance(rows: Sequence[Estimate]) -> float:
    """What the middle half of the means of rows would span if chance alone told these apart; NaN without two seeds.

    The noise is that of differences between two rows in runs of the same seed: what all rows of a seed share, such as
    their baselines, is not in it. Its variance is the median over pairs of rows, which one wild row does not move, in
    units of the median that a χ² leads to; the span is that of normal order statistics, by Blom's formula.
    """
    seeds = min(row.count for row in rows)
    if seeds < 2 or any(row.count > seeds for row in rows):  # runs that failed: then seeds are not known to be the same
        return math.nan
    values = np.array([row.values for row in rows])  # (rows, seeds)
    of_pairs = [(one - other).var(ddof=1) for one, other in combinations(values, 2)]
    variance = float(np.median(of_pairs)) / 2 * (seeds - 1) / float(chi2.median(seeds - 1))
    ordered = norm.ppf((np.arange(1, len(rows) + 1) - 0.375) / (len(rows) + 0.25))
    return _middle_half(ordered) * math.sqrt(variance / seeds)


def _middle_half(values: np.ndarray) -> float:
    return float(np.subtract(*np.quantile(values, [0.75, 0.25])))


def _budget(study: Results, series: OptionSeries) -> list[str]:
    """A warning where not the option alone differs."""
    cells = [study.of(point.table)[0].cell for point in series.points]
    budgets = {(cell.steps, cell.epochs, cell.halve_at, cell.batch_size) for cell in cells}
    training = "Steps, epochs, halvings of the learning rate or batch sizes"
    differ = f"{training} differ along the option as well: what changes may be their doing."
    return [differ] if len(budgets) > 1 else []


def _caution(series: OptionSeries, lines: Lines) -> list[str]:
    """Where there are too few seeds for any interval."""
    few = [
        series.label(value)
        for place, value in enumerate(series.values)
        if not any(values[place].has_interval for values in lines.values())
    ]
    if not few:
        return []
    where = "" if len(few) == len(series.points) else f" at {listed(few)}"
    return [f"With fewer than {MIN_SEEDS} seeds{where}, none of this is evidence; what is seen may be chance."]
