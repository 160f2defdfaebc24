"""Best of so many trials: what each row would have reached with a smaller search, so that many knobs are no favour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import expected_best
from benchmarks.analysis.statistics.resampling import Array
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.reporting.findings.searches import Search, searches
from benchmarks.words import mean_of, median_of_known, methods, plural

TEXT = (
    "Δ taskwise on the test split, in percent, of the setting that validation would choose among so many trials: the "
    "mean over all subsets of the trials that were run, over seeds and over suites; a suite with fewer trials counts "
    "with all of them. With one trial it is the mean setting. *Defaults*: the method's own settings, which are the "
    "first of the trials. *Search gains*: all trials minus the defaults. A dash: a run that failed might be chosen, or "
    "a suite is missing."
)


def block(study: Results) -> Block | None:
    """What fewer trials would have given; none for a study without a search."""
    found = {suite: rows for suite, rows in searches(study).items() if any(map(_is_search, rows.values()))}
    if not found:
        return None
    rows = methods(study.aggregates)
    most = max(map(_most, found.values()))
    best = {row: best_of(found, row, most) for row in rows}
    plain = {row: defaults(found, row) for row in rows}
    head = ["row", "defaults", *(plural(m, "trial") for m in range(1, most + 1)), "search gains"]
    lines = [[row, *map(formats.percent, [plain[row], *best[row], best[row][-1] - plain[row]])] for row in rows]
    title = "Tuning: the best of so many trials"
    return Block("trials", title, TEXT, (head, lines), tuple(_sentences(plain, best)))


def _is_search(made: Sequence[Search]) -> bool:
    """Whether these are trials, and not learning rates alone."""
    return any(trial > 0 for trial in made[0].trials)


def best_of(found: Mapping[str, Mapping[str, Sequence[Search]]], row: str, most: int) -> Array:
    """Expected outcome on test of the best on validation among m trials, (most,), mean over seeds and suites.

    A suite with fewer trials counts with all of them. NaN for every m at which a failed run might be chosen on some
    suite, and throughout where the row tried fewer settings than others on the same suite.
    """
    curves = [_curve(rows.get(row, ()), _most(rows)) for rows in found.values()]
    return np.mean([np.pad(curve, (0, most - len(curve)), mode="edge") for curve in curves], axis=0)


def _most(rows: Mapping[str, Sequence[Search]]) -> int:
    """The trials of a suite, as many as any row has."""
    return max(len(made.trials) for each in rows.values() for made in each)


def _curve(made: Sequence[Search], trials: int) -> Array:
    whole = [search for search in made if len(search.trials) == trials]
    if not whole or len(whole) < len(made):
        return np.full(trials, math.nan)
    return np.mean([expected_best(search.validation, search.outcomes) for search in whole], axis=0)


def defaults(found: Mapping[str, Mapping[str, Sequence[Search]]], row: str) -> float:
    """Mean outcome on test of the method's own settings, over seeds and suites; NaN where one of these runs failed."""
    return mean_of(mean_of(map(_default, rows.get(row, ()))) for rows in found.values())


def _default(search: Search) -> float:
    return float(search.outcomes[search.trials.index(0)]) if 0 in search.trials else math.nan


def _sentences(plain: Mapping[str, float], best: Mapping[str, Array]) -> list[str]:
    gains = {row: float(best[row][-1]) - plain[row] for row in best}
    known = {row: gain for row, gain in gains.items() if not math.isnan(gain)}
    if not known:
        return ["No row has finished runs of its defaults and of all trials on every suite."]
    top = max(known, key=lambda row: known[row])
    losers = [row for row, gain in known.items() if gain < 0]
    said = [
        f"Searching gains {formats.percent(median_of_known(known.values()))} points over the defaults for the median "
        f"row, most for {top} ({formats.percent(known[top])}).",
    ]
    if losers:
        said.append(
            f"{plural(len(losers), 'row')} of {len(known)} would do better with the defaults on the test split."
        )
    first, last = _leader(plain), _leader({row: float(values[-1]) for row, values in best.items()})
    if first and last:
        same = f"{first} is the best row with defaults and after the search."
        said.append(same if first == last else f"With defaults {first} is the best row, after the search {last}.")
    return said


def _leader(values: Mapping[str, float]) -> str:
    known = {row: value for row, value in values.items() if not math.isnan(value)}
    return max(known, key=lambda row: known[row]) if known else ""
