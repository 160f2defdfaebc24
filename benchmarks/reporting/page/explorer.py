"""Compact data of the interactive charts: curves of every row over training, and accuracy against cost."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from benchmarks.analysis.results import Results
from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting import formats
from benchmarks.reporting.charts import cost, measured, series, style
from benchmarks.reporting.charts.colors import RowStyle, styles
from benchmarks.reporting.charts.cost import CostPoint
from benchmarks.reporting.charts.curves import legible

POINTS = 50  # of a curve at most: more are not told apart on a screen
DIGITS = 4  # significant digits
MOST_PAIRS = 45  # of tasks, with curves of their own; of more there is the mean alone
ALL = "all suites"
SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down"}


class CurveChoice(NamedTuple):
    """One choice of a measure: a task, or a pair of tasks."""

    name: str
    values: series.Values


def data(results: Results) -> dict[str, Any]:
    """Everything that the interactive charts need, fit for JSON.

    ``rows`` holds the look of every row; ``suites`` by name the rows shown at first and, by measure and choice, the
    scale of the axis and the lines by row; ``costs`` by suite the places of rows.
    """
    aggregates = results.aggregates
    return {
        "rows": {row: _look(look) for row, look in styles(aggregates.rows).items()},
        "suites": {suite.name: _suite(suite, results.of(suite.name)) for suite in aggregates.suites},
        "costs": {
            ALL: _places(cost.over_suites(aggregates)),
            **{suite.name: _places(cost.on_suite(suite)) for suite in aggregates.suites},
        },
    }


@cache
def library() -> str:
    """The plotting library, packed; it takes half a second."""
    return packed(get_plotlyjs())


def packed(text: str) -> str:
    """A text, compressed and in letters; the same text gives the same letters."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def compact(values: Mapping[str, Any]) -> str:
    """JSON without spaces.

    Raises:
        ValueError: it holds a number that JSON does not know.
    """
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def measures(suite: SuiteSummary) -> dict[str, list[CurveChoice]]:
    """The measures of a suite's runs, each with its choices."""
    tasks, metrics = suite.tasks, [(m.task, m.fact) for m in suite.rows[0].primary]
    pairs = [f"{a}|{b}" for k, a in enumerate(tasks) for b in tasks[k + 1 :]]
    named = pairs if 1 < len(pairs) <= MOST_PAIRS else []
    by_name = {
        "training loss": [CurveChoice(task, partial(measured.loss, task=task)) for task in tasks],
        "validation metric": [
            CurveChoice(
                f"{task}: {fact.name} {'↑' if fact.higher_is_better else '↓'}",
                partial(measured.validation, task=task, metric=fact.name),
            )
            for task, fact in metrics
        ],
        "share of the task weights": [CurveChoice(task, partial(measured.share, task=task)) for task in tasks],
        "gradient norm": [CurveChoice(task, partial(measured.norm, task=task)) for task in tasks],
        "cosine between task gradients": [
            CurveChoice("mean over pairs", measured.mean_cosine),
            *(CurveChoice(pair.replace("|", " and "), partial(measured.cosine, pair=pair)) for pair in named),
        ],
        "share of pairs in conflict": [CurveChoice("all pairs", measured.conflict)],
    }
    return {name: choices for name, choices in by_name.items() if choices}


def _look(look: RowStyle) -> dict[str, str]:
    """The look of a row in the terms of the plotting library."""
    dash = ",".join(f"{2 * length:g}px" for length in look.dash[1]) or "solid"
    return {"color": look.color, "dash": dash, "symbol": SYMBOLS[look.marker]}


def _suite(suite: SuiteSummary, records: Sequence[Record]) -> dict[str, Any]:
    by_row = {row.row: [r for r in records if r.cell.row == row.row] for row in suite.rows}
    single = [row.row for row in suite.rows if row.row == SINGLE_TASK]
    shown = [*single, *legible(suite)]
    by_measure = {
        name: {choice.name: _lines(choice.values, by_row, shown) for choice in choices}
        for name, choices in measures(suite).items()
    }
    return {
        "shown": shown,
        "measures": {name: kept for name, choices in by_measure.items() if (kept := _known(choices))},
    }


def _known(choices: Mapping[str, Any]) -> dict[str, Any]:
    return {name: choice for name, choice in choices.items() if choice["lines"]}


def _lines(values: series.Values, by_row: Mapping[str, Sequence[Record]], shown: Sequence[str]) -> dict[str, Any]:
    """The lines of all rows that were measured, and the scale that suits those shown at first."""
    together = {row: series.finished(records, values) for row, records in by_row.items()}
    lines = {row: known for row, curve in together.items() if curve is not None and (known := line(curve))}
    drawn = [v for row in shown if row in lines for key in ("y", "low", "high") for v in lines[row].get(key, [])]
    return {"scale": style.scale_for(drawn), "lines": lines}


def line(curves: series.Series) -> dict[str, list[float]]:
    """Mean over seeds, and with more than one the lowest and highest; nothing if no point is known."""
    kept = np.flatnonzero(np.isfinite(curves.values).all(0))
    if not kept.size:
        return {}
    picks = kept[np.unique(np.linspace(0, len(kept) - 1, min(POINTS, len(kept))).round().astype(int))]
    thin = series.Series(curves.step[picks], curves.values[:, picks])
    drawn = {"y": thin.mean()}
    if len(thin.values) > 1:
        drawn |= {"low": thin.quantile(0), "high": thin.quantile(1)}
    return {"x": thin.step.astype(int).tolist(), **{key: _rounded(numbers) for key, numbers in drawn.items()}}


def _rounded(numbers: NDArray[np.float64]) -> list[float]:
    short = (float(f"{number:.{DIGITS}g}") for number in numbers.tolist())
    return [int(number) if number.is_integer() and abs(number) < 1e6 else number for number in short]


def _places(places: Sequence[CostPoint]) -> dict[str, Any]:
    best = set(cost.efficient(places))
    return {
        place.row: {
            "x": round(place.cost, 4),
            "y": round(place.delta, 4),
            "low": round(place.seeds.low, 4) if place.seeds.has_interval else None,
            "high": round(place.seeds.high, 4) if place.seeds.has_interval else None,
            "best": place.row in best,
            "text": f"{place.row}<br>Δ {_delta(place)} %<br>cost {formats.ratio(place.cost)}",
        }
        for place in places
    }


def _delta(place: CostPoint) -> str:
    return formats.delta(place.seeds) if place.seeds.count else formats.percent(place.delta)
