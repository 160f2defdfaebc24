"""Charts of training over time: losses, validation metrics, task weights, gradient cosines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting.charts import measured, series, style
from benchmarks.reporting.charts.colors import FAINT, Styles, styles

PANEL = 1.55  # inches
QUANTILES = (0.1, 0.9)  # of the pairs of tasks and seeds
MOST = 10  # lines of multi-task rows that one panel can show apart


def _by_row(rows: Sequence[str], records: Sequence[Record]) -> dict[str, list[Record]]:
    return {row: [r for r in records if r.cell.row == row] for row in rows}


def _multitask(suite: SuiteSummary) -> list[str]:
    """The multi-task rows, in the order of the table."""
    return [row.row for row in suite.rows if row.row != SINGLE_TASK]


def legible(suite: SuiteSummary) -> list[str]:
    """The multi-task rows, or of many the first (equal weights, if they ran) and the best of the others."""
    rows = [row for row in suite.rows if row.row != SINGLE_TASK]
    others = sorted(rows[1:], key=lambda row: np.nan_to_num(-row.delta_taskwise.mean, nan=np.inf))
    chosen = {row.row for row in [*rows[:1], *others[: MOST - 1]]}
    return [row.row for row in rows if row.row in chosen]


def _title(suite: SuiteSummary, what: str) -> str:
    """The title of a chart that shows the legible rows."""
    shown, all_of_them = len(legible(suite)), len(_multitask(suite))
    which = f", the best of {all_of_them} methods" if shown < all_of_them else ""
    return f"{suite.name}: {what}{which}"


def _looks(rows: Sequence[str], suite: SuiteSummary, looks: Styles) -> Styles:
    """The looks that rows have everywhere, or of a few of many their own, which differ more."""
    return looks if len(_multitask(suite)) <= MOST else styles(rows)


@style.styled
def draw_curves(suite: SuiteSummary, records: Sequence[Record], looks: Styles) -> Figure:
    """Training loss (left) and the primary metric on validation (right) of every task: mean and range of the seeds."""
    single = [row.row for row in suite.rows if row.row == SINGLE_TASK]
    rows = _by_row([*single, *legible(suite)], records)
    looks = _looks(list(rows), suite, looks)
    metrics = {metric.task: metric.fact for metric in suite.rows[0].primary}
    figure, axes = style.panels(2 * len(suite.tasks), PANEL, _title(suite, "training"))
    for k, task in enumerate(suite.tasks):
        left, right = axes[2 * k], axes[2 * k + 1]
        left.set_title(f"{task}: training loss")
        _lines(left, rows, partial(measured.loss, task=task), looks)
        if task in metrics:
            right.set_title(f"{task}: {metrics[task].name} {'↑' if metrics[task].higher_is_better else '↓'}")
            _lines(right, rows, partial(measured.validation, task=task, metric=metrics[task].name), looks)
        else:
            style.say(right, "no run was evaluated")
    for panel in axes[-2:]:
        panel.set_xlabel("step")
    style.legend(figure, list(rows), looks)
    return figure


@style.styled
def draw_weights(suite: SuiteSummary, records: Sequence[Record], looks: Styles) -> Figure:
    """Every task's share of the sum of weights over time; the grey line is the equal share."""
    rows = _by_row(legible(suite), records)
    looks = _looks(list(rows), suite, looks)
    figure, axes = style.panels(len(suite.tasks), PANEL, _title(suite, "share of the task weights"), share_y=True)
    for task, panel in zip(suite.tasks, axes, strict=True):
        panel.set_title(task)
        _lines(panel, rows, partial(measured.share, task=task), looks, scale="linear")
        panel.axhline(1 / len(suite.tasks), color=FAINT, lw=0.8, zorder=0)
    for panel in axes[-2:]:
        panel.set_xlabel("step")
    style.legend(figure, list(rows), looks)
    return figure


def _lines(
    axes: Axes, rows: dict[str, list[Record]], values: series.Values, looks: Styles, scale: str | None = None
) -> None:
    """One line per row; the scale follows from the values unless it is given."""
    drawn = [v for records in rows.values() for r in records for v in values(r.curves) if v is not None]
    if not np.isfinite(drawn).any():
        style.say(axes, "nothing was measured")
        return
    axes.set_yscale(scale or style.scale_for(drawn))
    for row, records in rows.items():
        series.draw(axes, records, values, looks[row], top=row == SINGLE_TASK)
    style.few_ticks(axes)


@style.styled
def draw_cosines(suite: SuiteSummary, records: Sequence[Record], looks: Styles) -> Figure:
    """Cosines between task gradients, a panel per legible row: the median over pairs and seeds, and 10 to 90 % of them.

    With more than one pair of tasks, a last panel shows the share of pairs in conflict (cosine below 0).
    """
    rows = _by_row(legible(suite), records)
    looks = _looks(list(rows), suite, looks)
    many = max((len(r.curves.cosines) for r in records), default=0) > 1
    figure, axes = style.panels(
        max(len(rows) + many, 1), PANEL, _title(suite, "cosines between task gradients"), share_y=not many
    )
    if not rows:
        style.say(axes[0], "no multi-task run yet")
    for panel, (row, runs) in zip(axes, rows.items(), strict=False):
        panel.set_title(row)
        _cosine_panel(panel, _pairs(runs), looks[row].color)
    if many:
        _conflict_panel(axes[len(rows)], rows, looks)
    for panel in axes[-2:]:
        panel.set_xlabel("step")
    return figure


def _pairs(records: Sequence[Record]) -> series.Series | None:
    """The cosine of every pair in every finished run, one curve each."""
    done = [r for r in records if r.status == "done"]
    pairs = dict.fromkeys(pair for r in done for pair in r.curves.cosines)
    curves = [series.finished(done, partial(measured.cosine, pair=pair)) for pair in pairs]
    curves = [curve for curve in curves if curve is not None]
    if not curves:
        return None
    shortest = min(curve.step.size for curve in curves)
    return series.Series(curves[0].step[:shortest], np.concatenate([curve.values[:, :shortest] for curve in curves]))


def _cosine_panel(axes: Axes, pairs: series.Series | None, color: str) -> None:
    if pairs is None:
        style.say(axes, "no finished run")
        return
    axes.axhline(0, color=FAINT, lw=0.8)
    axes.plot(pairs.step, pairs.quantile(0.5), color=color, lw=1.6)
    if len(pairs.values) > 1:
        low, high = (pairs.quantile(share) for share in QUANTILES)
        axes.fill_between(pairs.step, low, high, color=color, alpha=0.2, lw=0)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1])
    conflict = (pairs.values[np.isfinite(pairs.values)] < 0).mean()
    axes.text(0.98, 0.95, f"{conflict:.0%} below 0", transform=axes.transAxes, ha="right", va="top", fontsize=8)
    style.few_ticks(axes, y=None)


def _conflict_panel(axes: Axes, rows: dict[str, list[Record]], looks: Styles) -> None:
    axes.set_title("these methods: pairs in conflict")
    for row, records in rows.items():
        share = series.finished(records, measured.conflict)
        if share is not None:
            axes.plot(share.step, share.mean(), color=looks[row].color, linestyle=looks[row].dash, lw=1.6)
    axes.set_ylim(-0.05, 1.05)
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    style.few_ticks(axes, y=None)
