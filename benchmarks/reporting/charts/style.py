"""The style of every chart besides its colours: sizes readable at 400 pixels, axes, legends, and files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from benchmarks.reporting.charts.colors import FAINT, GRID, INK, SPINE, TICK, Styles

WIDTH = 5.2  # inches: 374 points, so that a point is about a pixel on a phone
FAR = 3.0  # interquartile ranges; values of a normal distribution are beyond it once in a million
PNG_DPI = 130
COLOURS = 256  # of a PNG
TITLE_LETTERS = 56  # of the title in a line
LEGEND_HANDLE, LEGEND_LETTER = 30.0, 4.6  # points that a line with its gaps, and a letter, take in a legend
WIDE_RANGE = 30.0  # from this ratio of largest to smallest on, positive values are drawn on a logarithmic axis

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # above the axes: to look for labels there takes long
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": SPINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.color": TICK,
    "ytick.color": TICK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # looks the same wherever it is shown
    "svg.hashsalt": "balancers",  # the same chart gives the same bytes
}

styled = rc_context(RC)  # a decorator for every function that draws


def panels(
    count: int, height: float, title: str, *, columns: int = 2, share_y: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of small panels of ``height`` inches each, with a title over all."""
    lines = -(-count // columns)
    figure = sheet(height * lines, title)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=share_y)
    axes = list(grid.flat)
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, axes[:count]


def sheet(height: float, title: str, width: float = WIDTH) -> Figure:
    """An empty figure of ``width`` inches with ``height`` inches of room below its title."""
    lines = textwrap.wrap(title, int(TITLE_LETTERS * width / WIDTH))
    figure = Figure(figsize=(width, height + 0.3 + 0.2 * len(lines)), layout="constrained")
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    return figure


def legend(figure: Figure, rows: Sequence[str], looks: Styles) -> None:
    """One legend of rows for the whole figure, below it, growing the figure by its height."""
    if not rows:
        return
    room, widths = 72 * WIDTH - 10, [LEGEND_HANDLE + LEGEND_LETTER * len(row) for row in rows]
    columns = len(rows) if sum(widths) < room else max(1, int(room / max(widths)))
    columns = -(-len(rows) // -(-len(rows) // columns))  # as few as the number of lines allows
    handles = [
        Line2D([], [], color=looks[row].color, linestyle=looks[row].dash, linewidth=1.8, label=row) for row in rows
    ]
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.2 * -(-len(rows) // columns))
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, columnspacing=1.2, handlelength=1.8)


def scale_for(values: Iterable[float]) -> str:
    """The scale of an axis: logarithmic for positive values of a wide range."""
    known = np.asarray([v for v in values if np.isfinite(v)])
    wide = known.size > 0 and known.min() > 0 and known.max() / known.min() > WIDE_RANGE
    return "log" if wide else "linear"


def reach(values: Iterable[float], always: Iterable[float] = ()) -> tuple[float, float]:
    """The ends of an axis that shows nearly all finite values, without the few that would squash the others.

    Ends lie at most `FAR` interquartile ranges beyond the quartiles, and always beyond the values ``always``.
    """
    known, shown = (np.array([v for v in each if np.isfinite(v)], dtype=float) for each in (values, always))
    if not known.size:
        known = shown if shown.size else np.zeros(1)
    low, high = np.quantile(known, [0.25, 0.75])
    room = FAR * (high - low)
    low = min([max(known.min(), low - room), *shown])
    high = max([min(known.max(), high + room), *shown])
    margin = 0.06 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def few_ticks(axes: Axes, *, x: int | None = 4, y: int | None = 4) -> None:
    """At most so many ticks on the linear axes."""
    if x and axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(x))
    if y and axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(y))


def name_rows(axes: Axes, rows: Sequence[str]) -> None:
    """One line per row from top to bottom, with its name at the left."""
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    few_ticks(axes, y=None)


def say(axes: Axes, text: str) -> None:
    """Write into a panel without data why there are none."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=FAINT, fontsize=8.5, wrap=True)


def place(figure: Figure) -> None:
    """Place the axes of a figure for good. They take longer to place than to draw, and are drawn twice."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as SVG and PNG, without dates or versions in them."""
    svg, png, drawn = folder / f"{name}.svg", folder / f"{name}.png", BytesIO()
    with rc_context(RC):
        place(figure)
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
        figure.savefig(drawn, format="png", dpi=PNG_DPI, metadata={"Software": None})
    with Image.open(drawn) as picture:  # a palette takes a third of the room of full colours
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(png, optimize=True)
    return [svg, png]
