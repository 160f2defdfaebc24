"""Expected result of every method with a smaller search for its settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.analysis.means import mean_of, median_of_known
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import expected_best
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.findings.searches import SettingChoice, searches
from benchmarks.reporting.words import plural

TEXT = (
    "Δ taskwise on the test split, in percent, of the setting that validation chooses among some of the trials: mean "
    "over all subsets of the trials, seeds and suites. A suite with fewer trials counts with all of them."
)
LEGEND: Legend = (
    ("defaults", "the method's own settings, which are the first trial"),
    ("n trials", "the best of n trials on validation; of one trial: the mean setting"),
    ("search gains", "all trials minus the defaults"),
    ("–", "a run that failed might be chosen, or a suite is missing"),
)


def block(results: Results) -> ReportBlock | None:
    """The expected results with fewer trials; none for results without a search."""
    choices = {suite: rows for suite, rows in searches(results).items() if any(map(_is_search, rows.values()))}
    if not choices:
        return None
    rows = best_first(results.aggregates)
    most = max(map(_most, choices.values()))
    best = {row: best_of(choices, row, most) for row in rows}
    plain = {row: defaults(choices, row) for row in rows}
    head = ["method", "defaults", *(plural(m, "trial") for m in range(1, most + 1)), "search gains"]
    lines = [[row, *map(formats.percent, [plain[row], *best[row], best[row][-1] - plain[row]])] for row in rows]
    title = "Tuning: results by number of trials"
    return ReportBlock("trials", title, TEXT, (head, lines), tuple(_sentences(plain, best)), LEGEND)


def _is_search(choices: Sequence[SettingChoice]) -> bool:
    """Whether these are trials, and not learning rates alone."""
    return any(trial > 0 for trial in choices[0].trials)


def best_of(choices: Mapping[str, Mapping[str, Sequence[SettingChoice]]], row: str, most: int) -> Array:
    """Expected outcome on test of the best on validation among m trials, (most,), mean over seeds and suites.

    A suite with fewer trials counts with all of them. NaN for every m at which a failed run might be chosen on some
    suite, and for every m if the row tried fewer settings than other rows on the same suite.
    """
    curves = [_curve(rows.get(row, ()), _most(rows)) for rows in choices.values()]
    return np.mean([np.pad(curve, (0, most - len(curve)), mode="edge") for curve in curves], axis=0)


def _most(rows: Mapping[str, Sequence[SettingChoice]]) -> int:
    """The trials of a suite, as many as any row has."""
    return max(len(choice.trials) for each in rows.values() for choice in each)


def _curve(choices: Sequence[SettingChoice], trials: int) -> Array:
    whole = [choice for choice in choices if len(choice.trials) == trials]
    if not whole or len(whole) < len(choices):
        return np.full(trials, math.nan)
    return np.mean([expected_best(choice.validation, choice.outcomes) for choice in whole], axis=0)


def defaults(choices: Mapping[str, Mapping[str, Sequence[SettingChoice]]], row: str) -> float:
    """Mean outcome on test of the method's own settings, over seeds and suites; NaN where one of these runs failed."""
    return mean_of(mean_of(map(_default, rows.get(row, ()))) for rows in choices.values())


def _default(choice: SettingChoice) -> float:
    return float(choice.outcomes[choice.trials.index(0)]) if 0 in choice.trials else math.nan


def _sentences(plain: Mapping[str, float], best: Mapping[str, Array]) -> list[str]:
    gains = {row: float(best[row][-1]) - plain[row] for row in best}
    known = {row: gain for row, gain in gains.items() if not math.isnan(gain)}
    if not known:
        return ["No method has finished runs of its defaults and of all trials on every suite."]
    top = max(known, key=lambda row: known[row])
    losers = [row for row, gain in known.items() if gain < 0]
    sentences = [
        f"The search gains {formats.percent(median_of_known(known.values()))} points over the defaults for the median "
        f"method, and most for {top} ({formats.percent(known[top])}).",
    ]
    if losers:
        sentences.append(
            f"{plural(len(losers), 'method')} of {len(known)} would be better with the defaults on the test split."
        )
    first, last = _leader(plain), _leader({row: float(values[-1]) for row, values in best.items()})
    if first and last:
        same = f"{first} is the best method with defaults and after the search."
        sentences.append(
            same if first == last else f"The best method is {first} with defaults and {last} after the search."
        )
    return sentences


def _leader(values: Mapping[str, float]) -> str:
    known = {row: value for row, value in values.items() if not math.isnan(value)}
    return max(known, key=lambda row: known[row]) if known else ""
