"""Charts that compare rows: the map of negative transfer, fronts, and accuracy against cost."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.fronts import WeightFront
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting.charts import cost, style
from benchmarks.reporting.charts.colors import styles
from benchmarks.reporting.charts.fronts import draw_front
from benchmarks.reporting.charts.transfer import draw_transfer
from tests.benchmarks import synthetic


def numbers(figure: Figure) -> dict[str, list[str]]:
    """The texts in the cells of a map by the name of the column, from top to bottom."""
    found: dict[str, list[str]] = {}
    for panel in figure.axes[:-1]:
        names = [label.get_text() for label in panel.get_xticklabels()]
        for text in sorted(panel.texts, key=lambda text: text.get_position()[1]):
            found.setdefault(f"{panel.get_title(loc='left')} {names[int(text.get_position()[0])]}", []).append(
                text.get_text()
            )
    return found


def test_the_map_of_negative_transfer_shows_every_number_where_it_belongs() -> None:
    values = np.array([[-0.26, 31.4, np.nan], [0.0, -120.0, 9.97]])
    figure = draw_transfer(["a", "b"], ["s: x", "s: y", "t: x"], values)
    assert numbers(figure) == {"s x": ["−0.3", "0"], "s y": ["+31", "−120"], "t x": ["–", "+10"]}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_colours_of_the_map_are_symmetric_about_white_and_end_at_the_strongest() -> None:
    figure = draw_transfer(["a", "b"], ["s: x", "s: y", "s: z"], np.array([[-5.0, 0.0, 5.0], [-900.0, 0.0, 900.0]]))
    (picture,) = figure.axes[0].images
    drawn = np.asarray(picture.cmap(picture.norm(np.array([-900.0, -100.0, 0.0, 100.0, 900.0]))))
    assert [to_hex(color) for color in drawn.tolist()] == ["#d55e00", "#d55e00", "#ffffff", "#0072b2", "#0072b2"]
    assert np.sum(np.asarray(picture.norm(np.array([-5.0, 5.0])))) == pytest.approx(1)


def test_many_tasks_of_one_suite_get_no_numbers_and_many_suites_get_several_bands() -> None:
    wide = draw_transfer(["a"], [f"s: {k}" for k in range(20)], np.ones((1, 20)))
    assert not wide.axes[0].texts
    narrow = draw_transfer(["a"], [f"{s}: {k}" for s in "pqr" for k in range(4)], np.ones((1, 12)))
    narrow.draw_without_rendering()
    p, q, r = (panel.get_position() for panel in narrow.axes[:-1])
    assert p.y0 == pytest.approx(q.y0)
    assert p.x1 < q.x0
    assert r.y1 < p.y0


FRONT = WeightFront(
    suite="toy",
    tasks=("x", "y"),
    points=np.array([[-20.0, 10.0], [10.0, -20.0]]),
    rows={"ahead": np.array([5.0, 5.0]), "behind": np.array([-25.0, 0.0])},
    dominated={"ahead": False, "behind": True},
    ahead={"ahead": 15.0, "behind": -5.0},
    adds={"ahead": 10.0, "behind": 0.0},
)


@pytest.mark.parametrize("tasks", [("x", "y"), ("x", "y", "z")])
def test_rows_that_fixed_weights_dominate_are_hollow(tasks: tuple[str, ...]) -> None:
    looks = styles(FRONT.rows)
    figure = draw_front(FRONT._replace(tasks=tasks), looks)
    marks = [(mark.get_edgecolor(), mark.get_facecolor()) for mark in figure.axes[0].collections]
    faces = {to_hex(np.asarray(edge)[0].tolist()): to_hex(np.asarray(face)[0].tolist()) for edge, face in marks}
    ahead, behind = (looks[row].color.lower() for row in ("ahead", "behind"))
    assert faces[ahead] == ahead
    assert faces[behind] == "#ffffff"


def test_an_axis_reaches_all_values_but_those_far_from_the_others() -> None:
    near = [float(k) for k in range(10)]
    low, high = style.reach([*near, -1000.0, float("nan")], [12.0])
    assert -30 < low < 0
    assert 12 < high < 15
    low, high = style.reach(near)
    assert low < min(near) < max(near) < high
    assert np.diff(style.reach([3.0])) > 0


def test_a_row_far_from_the_front_is_drawn_at_the_edge() -> None:
    rows = {f"row-{k}": np.array([float(k), float(-k)]) for k in range(8)} | {"far": np.array([-900.0, -900.0])}
    known = {"dominated": dict.fromkeys(rows, True), "ahead": dict.fromkeys(rows, -1.0)}
    figure = draw_front(FRONT._replace(rows=rows, **known), styles(rows))
    (axes,) = figure.axes
    last = np.asarray(axes.collections[-1].get_offsets())[0]
    np.testing.assert_allclose(last, [axes.get_xlim()[0], axes.get_ylim()[0]])
    assert axes.get_xlim()[0] > -100


def test_the_best_trade_offs_are_those_that_no_row_beats_in_both() -> None:
    seeds = aggregate(synthetic.records(["plane"])).suites[0].rows[0].delta_taskwise
    at = {"a": (1.0, 0.0), "b": (2.0, 1.0), "c": (2.0, 0.5), "d": (3.0, 1.0)}
    places = [cost.CostPoint(row, *where, seeds) for row, where in at.items()]
    assert cost.efficient(places) == ["a", "b"]


def test_rows_over_all_suites_have_the_mean_delta_and_the_geometric_mean_of_costs() -> None:
    found = aggregate(synthetic.records(["plane", "multimnist"]))
    (place,) = (place for place in cost.over_suites(found) if place.row == "pcgrad")
    rows = [row for suite in found.suites if (row := suite.row("pcgrad")) is not None]
    assert place.delta == pytest.approx((rows[0].delta_taskwise.mean + rows[1].delta_taskwise.mean) / 2)
    assert place.cost == pytest.approx((rows[0].cost * rows[1].cost) ** 0.5)
    assert cost.over_suites(found)[0].row == SINGLE_TASK
