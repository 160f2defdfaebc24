"""The chart of an option: a panel per task, ticks at the values, far rows at the edge, and nothing that overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis import option_series
from benchmarks.analysis.statistics import estimate
from benchmarks.records.record import Record
from benchmarks.records.store import Store
from benchmarks.reporting import charts
from benchmarks.reporting.charts import options, style
from tests.benchmarks.reporting.findings import made
from tests.benchmarks.reporting.findings.made import along

WIDE, NARROW = (1, 2, 4, 8), (1, 2, 3)


def records(
    values: Sequence[float], rows: int = 3, seeds: int = 3, tasks: tuple[str, ...] = made.TASKS
) -> list[Record]:
    """Rows that lie apart, with noise, along these values."""
    rng = np.random.default_rng(0)
    return along(
        {
            value: {
                "fixed" if row == 0 else f"row-{row}": [tuple(rng.normal(row, 0.5, len(tasks))) for _ in range(seeds)]
                for row in range(rows)
            }
            for value in values
        },
        tasks,
    )


def drawn(records: list[Record]) -> Figure:
    (figure,) = (draw() for name, draw in charts.figures(made.study(records)) if name == "one-by-size")
    return figure


def panels(figure: Figure) -> list[Axes]:
    """Those that are used: of an odd number, the last place is empty."""
    return [axes for axes in figure.axes if axes.axison]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in panels(figure)]


def labels(axes: Axes) -> dict[float, str]:
    return dict(zip(axes.get_xticks().tolist(), [text.get_text() for text in axes.get_xticklabels()], strict=True))


def test_a_folder_with_a_series_gets_its_chart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in records(WIDE, seeds=1):
        store.write(record)
    names = {path.name for path in charts.draw(tmp_path)}
    assert {"one-by-size.svg", "one-by-size.png"} <= names
    assert not any("-by-" in name for name in names - {"one-by-size.svg", "one-by-size.png"})


def test_every_task_has_a_panel_and_so_has_the_mean() -> None:
    figure = drawn(records(WIDE))
    assert titles(figure) == ["a: accuracy", "b: accuracy", "Δ taskwise"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["single-task", "fixed", "row-1", "row-2"]


def test_ticks_are_at_the_values_on_an_axis_that_is_logarithmic_for_a_wide_range_alone() -> None:
    wide, narrow = (panels(drawn(records(values)))[0] for values in (WIDE, NARROW))
    assert (wide.get_xscale(), narrow.get_xscale()) == ("log", "linear")
    assert labels(wide) == {1: "1", 2: "2", 4: "4", 8: "8"}
    assert labels(narrow) == {1: "1", 2: "2", 3: "3"}
    assert not len(wide.xaxis.get_minorticklocs())


def test_the_line_of_a_row_that_is_alone_goes_through_its_means_at_the_values() -> None:
    found = records(WIDE, rows=1)
    study = made.study(found)
    expected = [suite.rows[1].delta_taskwise.mean for suite in study.aggregates.suites]
    line = panels(drawn(found))[-1].lines[1]  # the first is that of single-task
    np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), expected)
    np.testing.assert_allclose(np.asarray(line.get_xdata(), dtype=float), WIDE)


@pytest.mark.parametrize(("seeds", "dots", "bars"), [(3, 3, 0), (5, 0, 4)])
def test_few_seeds_are_dots_and_enough_are_an_interval(seeds: int, dots: int, bars: int) -> None:
    axes = panels(drawn(records(WIDE, rows=1, seeds=seeds)))[-1]
    clouds = [len(np.asarray(marks.get_offsets())) for marks in axes.collections]
    assert clouds.count(3) == (len(WIDE) if dots else 0)
    assert len(axes.lines) == 2 + bars


def test_a_row_far_from_the_others_is_an_arrow_head_at_the_edge() -> None:
    runs = {f"row-{k}": [(float(k), float(k))] for k in range(6)}
    far = {"far": [(-900.0, -900.0)]}
    axes = panels(drawn(along({1: runs | far, 2: runs | {"far": [(0.5, 0.5)]}})))[-1]
    low, high = axes.get_ylim()
    assert -10 < low < 0
    assert 5 < high < 10
    heads = [np.asarray(marks.get_offsets()) for marks in axes.collections if marks.get_zorder() == 3]
    assert any(len(at) == 1 and at[0, 1] == pytest.approx(low) for at in heads)


def test_where_all_rows_are_far_from_where_they_are_elsewhere_none_is_cut_off() -> None:
    near, far = ({f"row-{k}": [(scale * k, scale * k)] for k in range(-2, 3)} for scale in (0.1, 10.0))
    low, high = panels(drawn(along({1: far, 2: near, 3: near, 4: near})))[-1].get_ylim()
    assert low < -20 < 20 < high


def test_of_many_tasks_there_are_the_named_one_the_worst_and_the_mean() -> None:
    tasks = tuple(f"task-{k}" for k in range(9))
    found = records(NARROW, tasks=tasks)
    assert titles(drawn(found)) == ["the worst of 9 tasks", "Δ taskwise"]
    nested = [
        record.model_copy(
            update={
                "cell": record.cell.model_copy(
                    update={"suite_options": {"label_fraction": {"task-4": record.cell.suite_options["size"] / 8}}}
                )
            }
        )
        for record in found
    ]
    figures = dict(charts.figures(made.study(nested)))
    figure = figures["one-by-label_fraction-task-4"]()
    assert titles(figure) == ["task-4: accuracy", "the worst of 9 tasks", "Δ taskwise"]
    assert list(labels(panels(figure)[0]).values()) == ["12.5 %", "25 %", "37.5 %"]
    assert panels(figure)[-1].get_xlabel() == "share of task-4's labels"


def test_of_many_rows_the_first_and_the_best_are_shown() -> None:
    mean = {f"row-{k}": [estimate([float(k)])] for k in range(20)} | {"none": [estimate([])]}
    assert options.legible(mean) == ["row-0", *(f"row-{k}" for k in range(11, 20))]
    assert options.legible({}) == []
    assert "the best of 13 methods" in drawn(records(NARROW, rows=13, seeds=1)).get_suptitle().replace("\n", " ")


def test_without_baselines_the_panels_say_so() -> None:
    alone = [record for record in records(NARROW) if record.cell.row != "single-task"]
    figure = drawn(alone)
    assert all("nothing can be compared" in axes.texts[0].get_text() for axes in panels(figure))


@pytest.mark.parametrize(
    ("values", "rows"),
    [(WIDE, 8), ((1000, 1100, 1200, 5000, 5100, 9000), 3), ((0.01, 0.02, 0.03, 0.5, 0.9, 1.0), 25)],
    ids=["even", "crowded", "many rows"],
)
def test_no_two_texts_overlap(values: Sequence[float], rows: int) -> None:
    figure = drawn(records(values, rows=rows, seeds=2))
    figure.set_dpi(style.PNG_DPI)
    figure.draw_without_rendering()
    texts = [text for axes in panels(figure) for text in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    texts += [part for axes in panels(figure) for part in (axes._left_title, axes.xaxis.label, axes.yaxis.label)]  # pyright: ignore
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert len(boxes) > 10
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_labels_that_would_touch_are_left_out_but_for_the_ends() -> None:
    assert options.fitting([0, 0.5, 1], ["1", "2", "3"]) == [0, 1, 2]
    assert options.fitting([0, 0.01, 0.5, 0.99, 1], ["1"] * 5) == [0, 2, 4]
    assert options.fitting([0, 1], ["a long label"] * 2) == [0, 1]


def test_the_name_of_a_chart_is_safe_for_files() -> None:
    (found,) = option_series.of(made.study(along({1: {"fixed": [(1, 1)]}, 2: {"fixed": [(1, 1)]}})))
    assert found.name.replace("-", "").replace("_", "").isalnum()
