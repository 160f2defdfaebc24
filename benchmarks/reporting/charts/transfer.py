"""The map of negative transfer: every task with every method against single-task, over all suites."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.reporting import formats
from benchmarks.reporting.charts import style
from benchmarks.reporting.charts.colors import INK, WORSE_TO_BETTER

MOST_COLUMNS = 10  # in one band of the map: more would be too narrow for numbers on a phone
ROW_HEIGHT = 0.19  # inches
LETTERS = 6  # of a suite's name, that fit over a column of the fullest band
BAR = 0.1  # inches
HEADER = 1.15  # inches of a band for the names of its suites and tasks
LINEAR = 1.0  # percent: below it colours follow the value, above it its order of magnitude
STRONGEST = (10.0, 100.0)  # percent: the least and the most that the strongest colours may stand for
STRONG_BLUE = 0.88  # from here on, of 0 to 1, colours are so dark that numbers are white


@rc_context(style.RC | {"axes.titley": None})  # names of suites stand above those of tasks
def draw_transfer(rows: Sequence[str], names: Sequence[str], values: NDArray[np.float64]) -> Figure:
    """A heat map of rows and tasks.

    Args:
        rows: of the map, from top to bottom.
        names: of the columns, each "suite: task".
        values: (rows, tasks), percent relative to single-task, above 0 is better; NaN where there is no result.
    """
    title = "Tasks against single-task, %: orange worse, blue better"
    bands = _bands(names)
    height = HEADER + ROW_HEIGHT * max(len(rows), 2)
    figure = style.sheet(height * len(bands) + 0.4, title)
    if not np.isfinite(values).any():
        style.say(figure.subplots(), "nothing can be compared: single-task or a finished run is missing")
        return figure
    strongest = float(np.clip(np.nanquantile(np.abs(values), 0.95), *STRONGEST))
    norm = SymLogNorm(LINEAR, vmin=-strongest, vmax=strongest)
    grids = figure.add_gridspec(len(bands) + 1, 1, height_ratios=[*[1] * len(bands), BAR / height])
    for line, band in enumerate(bands):
        inner = grids[line, 0].subgridspec(
            1, len(band), width_ratios=[len(columns) for columns in band.values()], wspace=0.02
        )
        for k, (suite, columns) in enumerate(band.items()):
            panel = figure.add_subplot(inner[0, k])
            _map(panel, values[:, columns], norm)
            tasks = [str(names[column]).partition(": ")[2] for column in columns]
            panel.set_xticks(range(len(columns)), tasks, rotation=90)
            panel.set_yticks(range(len(rows)), rows if k == 0 else [""] * len(rows))
            panel.set_title(textwrap.fill(suite, 1 + LETTERS * len(columns), break_long_words=False), fontsize=8.5)
    place = figure.add_subplot(grids[-1, 0])
    bar = figure.colorbar(ScalarMappable(norm, WORSE_TO_BETTER), cax=place, orientation="horizontal")
    half = [mark for mark in (1, 3, 10, 30, 100) if mark <= strongest]
    marks = [*(-mark for mark in reversed(half)), 0, *half]
    bar.set_ticks(marks, labels=[f"{mark:+d}".replace("-", "−") if mark else "0" for mark in marks])
    bar.minorticks_off()
    return figure


def _bands(names: Sequence[str]) -> list[dict[str, list[int]]]:
    """The columns of every suite, the suites laid into the first band that has room for them."""
    suites: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        suites.setdefault(name.partition(": ")[0], []).append(column)
    bands: list[dict[str, list[int]]] = []
    for suite, columns in suites.items():
        room = (band for band in bands if sum(map(len, band.values())) + len(columns) <= MOST_COLUMNS)
        band = next(room, None)
        if band is None:
            bands.append({suite: columns})
        else:
            band[suite] = columns
    return bands


def _map(axes: Axes, values: NDArray[np.float64], norm: SymLogNorm) -> None:
    axes.imshow(values, norm=norm, cmap=WORSE_TO_BETTER, aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    axes.tick_params(length=0, labelsize=7.5, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    if values.shape[1] > MOST_COLUMNS:
        return
    for (row, column), value in np.ndenumerate(values):
        dark = np.isfinite(value) and norm(value) > STRONG_BLUE
        text, color = _text(float(value)), "white" if dark else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=color, in_layout=False)


def _text(value: float) -> str:
    """A percentage in four letters at most."""
    if not np.isfinite(value):
        return formats.NONE
    text = f"{value:+.1f}" if abs(value) < 9.95 else f"{value:+.0f}"
    return "0" if float(text) == 0 else text.replace("-", "−")
