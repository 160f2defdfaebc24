"""The effect of an option: the gains of methods over single-task, and their spread, at each of its values."""

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
from benchmarks.records.record import Role
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.suites import suite_of
from benchmarks.reporting.words import listed, plural

TEXT = (
    "One suite at several values of one option; all other options are the same. First the results of single-task, then "
    "the gains of the methods: {what}, in percent of single-task models trained at the same value."
)
LEGEND: Legend = (
    ("↑, ↓", "higher is better, lower is better"),
    ("m ± s (n)", "mean m and standard deviation s over n seeds"),
    ("+a [b, c]", f"gain of a percent with its 95 % interval, given from {MIN_SEEDS} seeds on; positive is better"),
    ("encoder parameters", "trained parameters of the encoder that all tasks share; heads are not counted"),
)


def blocks(results: Results) -> list[ReportBlock]:
    """One finding for each option that several tables of a suite vary, in the order of the tables."""
    return [block(results, series) for series in option_series.of(results)]


def block(results: Results, series: OptionSeries) -> ReportBlock:
    """The effect of one option: on the task that it names, or else on average over all tasks."""
    gains = along(results, series)
    lines = gains.mean if series.task is None else gains.tasks[series.task]
    sizes = encoder_sizes(results, series)
    head = ["method", *map(series.label, series.values)]
    table = [*_baselines(results, series), *([row, *map(formats.delta, values)] for row, values in lines.items())]
    if sizes:
        table.append(["encoder parameters", *(f"{size:,}" for size in sizes)])
    what = "Δ taskwise" if series.task is None else f"the primary metric of {series.task}"
    sentences = [*_helping(series, lines), *_spread(series, lines), *_budget(results, series), *_caution(series, lines)]
    title = f"Effect of an option: {series.subject} by {series.words}"
    legend = LEGEND if sizes else LEGEND[:-1]
    return ReportBlock(f"options-{series.name}", title, TEXT.format(what=what), (head, table), tuple(sentences), legend)


def encoder_sizes(results: Results, series: OptionSeries) -> list[int]:
    """The number of trained parameters of the encoder at each value.

    Empty if it is the same at every value, or if a model cannot be built. An option about labels changes no model, and
    none is built.
    """
    if series.is_share:
        return []
    sizes = []
    for point in series.points:
        try:
            suite = suite_of(results.of(point.table)[0])
            model = suite and suite.build(0, [suite.tasks[0].name])
        except Exception:  # missing weights, or a value that no model can have; records have the reason
            return []
        if model is None:
            return []
        sizes.append(sum(parameter.numel() for parameter in model.shared_parameters()))
    return sizes if len(set(sizes)) > 1 else []


def _baselines(results: Results, series: OptionSeries) -> list[list[str]]:
    """Results of single-task on the task that the option names, or on every task if there are few."""
    table = next(suite for suite in results.aggregates.suites if suite.name == series.points[0].table)
    shown = [metric for metric in table.rows[0].primary if series.task in (None, metric.task)]
    return [
        [
            f"single-task, {metric.task}: {metric.fact.name} {'↑' if metric.fact.higher_is_better else '↓'}",
            *map(formats.spread, baseline(results, series, metric.task)),
        ]
        for metric in shown
        if len(shown) <= MOST_TASKS
    ]


def _helping(series: OptionSeries, lines: Lines) -> list[str]:
    """The methods that are better than single-task at the smallest value, and at the largest."""
    return [_at(series, lines, 0), _at(series, lines, -1)]


def _at(series: OptionSeries, lines: Lines, place: int) -> str:
    where = _where(series, series.values[place])
    known = {row: values[place] for row, values in lines.items() if math.isfinite(values[place].mean)}
    if not known:
        return f"{where}, nothing can be compared: single-task or a finished run is missing."
    ordered = sorted(known, key=lambda row: -known[row].mean)
    above = [row for row in ordered if known[row].mean > 0]
    what = "in Δ taskwise" if series.task is None else f"on {series.task}"
    names = f"{listed(above)} ({len(above)} of {plural(len(known), 'method')})" if above else "no method"
    verb = "are" if len(above) > 1 else "is"
    best = f"{ordered[0]} is first with {formats.delta(known[ordered[0]])} %"
    return f"{where}, {names} {verb} better than single-task {what} on average; {best}{_intervals(known)}."


def _intervals(known: Mapping[str, Estimate]) -> str:
    """The number of methods with an interval on one side of 0; nothing without intervals."""
    judged = [value for value in known.values() if value.has_interval]
    if not judged:
        return ""
    better, worse = sum(value.low > 0 for value in judged), sum(value.high < 0 for value in judged)
    return f"; the interval lies above 0 for {plural(better, 'method')} and below 0 for {worse}"


def _where(series: OptionSeries, value: float) -> str:
    if series.is_share:
        return f"With {series.label(value)} of the labels of {series.task}"
    return f"At {series.option} = {series.label(value)}"


def _spread(series: OptionSeries, lines: Lines) -> list[str]:
    """Whether methods differ more or less along the option, compared with the spread that seeds alone explain."""
    complete = [values for values in lines.values() if all(math.isfinite(value.mean) for value in values)]
    if len(complete) < 2:
        return []
    means = np.array([[value.mean for value in values] for values in complete])  # (rows, values)
    middle = [_middle_half(at) for at in means.T]
    whole: list[float] = np.ptp(means, axis=0).tolist()
    ends = " and ".join(series.label(value) for value in (series.values[0], series.values[-1]))
    sentence = (
        f"At {ends} the middle half of the methods spans {_both(middle)} points (from the best to the worst method: "
        f"{_both(whole)}); along the option it {_course(middle)}"
    )
    chance = [by_chance([values[place] for values in complete]) for place in (0, -1)]
    known = all(map(math.isfinite, chance))
    return [f"{sentence}. Seeds alone explain a span of about {_both(chance)}." if known else f"{sentence}."]


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
    """The expected span of the middle half of the rows' means if rows differed by chance alone; NaN without two seeds.

    The noise is the spread of differences between two rows in runs of the same seed, so that whatever all rows of a
    seed share, such as their baselines, does not count. Its variance is the median over pairs of rows, which one
    extreme row does not move, divided by the median of χ²; the span follows from normal order statistics by Blom's
    formula.
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


def _budget(results: Results, series: OptionSeries) -> list[str]:
    """A warning if the length of the training or the batch size differs as well."""
    budgets = {results.of(point.table)[0].cell.facts({Role.LENGTH, Role.BATCH}) for point in series.points}
    training = "Steps, epochs, halvings of the learning rate or batch sizes"
    differ = f"{training} differ along the option as well, and may cause the changes."
    return [differ] if len(budgets) > 1 else []


def _caution(series: OptionSeries, lines: Lines) -> list[str]:
    """A warning where seeds are too few for any interval."""
    few = [
        series.label(value)
        for place, value in enumerate(series.values)
        if not any(values[place].has_interval for values in lines.values())
    ]
    if not few:
        return []
    where = "" if len(few) == len(series.points) else f" at {listed(few)}"
    return [f"With fewer than {MIN_SEEDS} seeds{where}, none of this is evidence: all differences may be chance."]
