"""The colours of all charts, and the look of each method: its colour, marker and dash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from matplotlib.colors import LinearSegmentedColormap

from benchmarks.records.record import SINGLE_TASK

INK, FAINT, GRID = "#222222", "#767676", "#e4e4e4"  # text and baselines, hints, lines of the grid
SPINE, TICK, LEADER = "#9a9a9a", "#555555", "#c4c4c4"  # axes, their numbers, thin lines from marks to labels
UNKNOWN = "#ececec"  # cells of a map without a value
# Okabe and Ito's colours for all kinds of colour vision, without black (the baselines') and yellow (too light), and two
# that are dark enough to be told from them.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5D3A9B", "#7A5C1E")
WORSE_TO_BETTER = LinearSegmentedColormap.from_list(
    "worse to better",
    ["#D55E00", "#ffffff", "#0072B2"],
    N=257,  # an odd number, so that 0 is white
).with_extremes(bad=UNKNOWN)
MARKERS = ("o", "s", "^", "D", "v")
Dash = tuple[float, tuple[float, ...]]  # offset, then lengths of line and gap; none for a solid line
DASHES: tuple[Dash, ...] = ((0, ()), (0, (5, 1)), (0, (1, 1)), (0, (6, 1, 1, 1)), (0, (3, 2)))


@dataclass(frozen=True)
class RowStyle:
    """The look of one method, or of the single-task baseline, in every chart."""

    color: str
    marker: str
    dash: Dash


Styles = Mapping[str, RowStyle]


def styles(rows: Iterable[str]) -> dict[str, RowStyle]:
    """Looks by row, in order: all colours with one marker and dash, then with the next; black for the baselines."""
    looks = [
        RowStyle(color, marker, dash) for (marker, dash), color in product(zip(MARKERS, DASHES, strict=True), PALETTE)
    ]
    by_row = {row: looks[k % len(looks)] for k, row in enumerate(row for row in rows if row != SINGLE_TASK)}
    return {SINGLE_TASK: RowStyle(INK, "D", (0, (2, 1.5)))} | by_row
