"""Charts can be drawn whatever the records hold, look the same every time, and keep their colours."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.summaries import SuiteSummary
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.records.store import Store
from benchmarks.reporting import charts
from benchmarks.reporting.charts import comparison, cost, curves, labels, landscape, measured, style
from benchmarks.reporting.charts.colors import RowStyle, styles
from benchmarks.reporting.charts.style import save
from benchmarks.reporting.charts.transfer import draw_transfer
from benchmarks.reporting.findings import transfer
from tasks.base import Landscape
from tests.benchmarks import synthetic


def of(records: list[Record]) -> tuple[SuiteSummary, dict[str, RowStyle]]:
    found = aggregate(records)
    return found.suites[0], styles(found.rows)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_a_folder_gets_every_chart_as_svg_and_png(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in synthetic.records(["multimnist"], ["fixed", "pcgrad"]):
        store.write(record)
    paths = charts.draw(tmp_path)
    kinds = [
        "tasks",
        "overview",
        "transfer",
        "cost",
        *(f"multimnist-{kind}" for kind in ("tasks", "cost", "curves", "weights", "cosines")),
    ]
    assert {path.name for path in paths} == {f"{kind}.{end}" for kind in kinds for end in ("svg", "png")}
    assert all(path.parent == tmp_path / "charts" and path.stat().st_size > 1000 for path in paths)
    for path in paths:
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag.endswith("svg")


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    suite, looks = of(synthetic.records(["multimnist"], ["fixed"]))
    first, again = (
        [path.read_bytes() for path in save(cost.draw_cost(suite, looks), tmp_path, "cost")] for _ in range(2)
    )
    assert first == again


def test_every_task_has_a_panel_and_every_row_a_line() -> None:
    suite, looks = of(synthetic.records(["reviews"]))
    figure = comparison.draw_tasks(suite, looks)
    assert titles(figure)[:3] == ["sentiment", "domain", "rating"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [r.row for r in suite.rows[1:]]


def test_ten_tasks_get_one_median_per_row_instead_of_45_lines() -> None:
    records = synthetic.records(["gradnorm-regression-10"], ["fixed", "pcgrad"])
    suite, looks = of(records)
    figure = curves.draw_cosines(suite, records, looks)
    assert titles(figure)[:3] == ["fixed", "pcgrad", "these methods: pairs in conflict"]
    assert len(figure.axes[0].lines) == 2  # the median and the line at 0


def test_of_many_rows_the_first_and_the_best_have_lines() -> None:
    suite, _ = of(synthetic.records(["multimnist"], ["fixed"]))
    single, fixed = suite.rows
    others = [
        replace(fixed, row=f"row-{i}", delta_taskwise=replace(fixed.delta_taskwise, mean=float(i))) for i in range(20)
    ]
    shown = ["fixed", *(f"row-{i}" for i in range(11, 20))]
    assert curves.legible(replace(suite, rows=(single, fixed, *others))) == shown
    assert curves.legible(suite) == ["fixed"]


def test_a_broken_run_is_drawn_to_its_end_and_marked() -> None:
    records = synthetic.records(["gradnorm-regression-10"], ["gradnorm"])
    suite, looks = of(records)
    figure = curves.draw_curves(suite, records, looks)
    assert any(line.get_marker() == "x" for line in figure.axes[0].lines)


def test_trajectories_have_a_panel_per_row_and_per_baseline() -> None:
    records = synthetic.records(["plane"], ["fixed", "pcgrad"])
    axis = torch.linspace(-10, 10, 20)
    losses = {"L1": axis[None, :] ** 2 + axis[:, None] ** 2}
    picture = Landscape(axis, axis, losses, torch.tensor([[-7.0, -8.4], [7.0, -8.4]]), "point")
    suite, looks = of(records)
    figure = landscape.draw_landscape(suite, records, picture, looks)
    assert titles(figure) == ["fixed", "pcgrad", "only L1", "only L2"]
    assert len(figure.axes[0].lines) == 1 + synthetic.PROBLEMS["plane"].seeds


def drawings(records: list[Record]) -> list[Figure]:
    found = aggregate(records)
    suite, looks = found.suites[0], styles(found.rows)
    return [
        comparison.draw_overview(found, looks),
        comparison.draw_tasks(suite, looks),
        cost.draw_cost(suite, looks),
        cost.draw_costs(found, looks),
        draw_transfer(*transfer.matrix(found)),
        curves.draw_curves(suite, records, looks),
        curves.draw_weights(suite, records, looks),
        curves.draw_cosines(suite, records, looks),
    ]


def failed(records: list[Record]) -> list[Record]:
    return [synthetic.record(r.cell, {}, None, reason="out of memory") for r in records]


@pytest.mark.parametrize(
    "records",
    [
        synthetic.records(["multimnist"], ["pcgrad"], baselines=False),
        synthetic.records(["multimnist"], []),
        failed(synthetic.records(["multimnist"], ["fixed"])),
    ],
    ids=["no baselines", "baselines alone", "all failed"],
)
def test_partial_results_give_charts_with_words_instead_of_errors(records: list[Record], tmp_path: Path) -> None:
    for k, figure in enumerate(drawings(records)):
        assert save(figure, tmp_path, str(k))
        assert any(axes.texts or axes.lines or axes.collections for axes in figure.axes)


def test_colours_follow_the_order_of_rows_and_stay_when_rows_are_appended() -> None:
    few = styles([SINGLE_TASK, "fixed", "pcgrad"])
    assert styles([SINGLE_TASK, "fixed", "pcgrad", "zeta"]) | few == styles([SINGLE_TASK, "fixed", "pcgrad", "zeta"])


def test_thirty_five_rows_all_look_different() -> None:
    looks = styles([f"row-{k}" for k in range(35)])
    assert len(set(looks.values())) == 36


def test_spread_labels_keep_their_order_their_gap_and_the_limits() -> None:
    places = labels.spread([0.5, 0.5, 0.51, 0.0, 1.0], 0.1, 0.0, 1.0)
    ordered = sorted(places)
    assert all(b - a > 0.1 - 1e-9 for a, b in pairwise(ordered))
    assert 0 <= ordered[0] <= ordered[-1] <= 1
    assert places.index(ordered[0]) == 3
    assert labels.spread([0.2, 0.8], 0.1, 0.0, 1.0) == pytest.approx([0.2, 0.8])


def test_too_many_labels_share_the_room_evenly() -> None:
    assert labels.spread([0.5] * 5, 0.9, 0.0, 1.0) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_an_axis_is_logarithmic_only_for_positive_values_of_a_wide_range() -> None:
    assert style.scale_for([0.01, 5.0]) == "log"
    assert style.scale_for([-1.0, 100.0]) == style.scale_for([1.0, 2.0]) == style.scale_for([]) == "linear"


def test_conflict_is_the_share_of_known_cosines_below_zero() -> None:
    (record,) = synthetic.records(["reviews"], ["fixed"], baselines=False)
    cosines = {"a|b": [-1.0, 0.5, float("nan")], "a|c": [0.2, 0.3, float("nan")], "b|c": [-0.1, -0.2, float("nan")]}
    seen = record.curves.model_copy(update={"cosines": cosines, "step": [0, 1, 2]})
    assert measured.conflict(seen) == pytest.approx([2 / 3, 1 / 3, float("nan")], nan_ok=True)
    assert measured.mean_cosine(seen) == pytest.approx([-0.3, 0.2, float("nan")], nan_ok=True)
    assert not measured.conflict(synthetic.empty_curves(["a"]))


def test_a_long_title_is_broken_into_lines_that_fit() -> None:
    title = "gradnorm-regression-10: cosines between task gradients, the best of 43 methods"
    figure, _ = style.panels(1, 2.0, title)
    shown = figure.get_suptitle()
    assert shown.replace("\n", " ") == title
    assert max(map(len, shown.split("\n"))) <= style.TITLE_LETTERS
