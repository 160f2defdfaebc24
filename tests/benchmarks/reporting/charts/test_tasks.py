"""The chart of test metrics names the rows that matter, and right is better in every panel."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from benchmarks.analysis.results import Results
from benchmarks.records.record import SINGLE_TASK, Record
from benchmarks.reporting.charts import tasks
from benchmarks.reporting.charts.style import save
from tests.benchmarks import synthetic
from tests.benchmarks.reporting.findings import made


def many(methods: int) -> Results:
    """Equal and tuned weights, a copy of equal weights, and methods whose names say how good they are."""
    points = {"fixed": 0.0, "tuned": -9.0, "copy": 9.0} | {f"good-{k}": float(k) for k in range(methods)}
    runs = [made.run(row, gain, seed=seed) for row, gain in points.items() for seed in range(2)]
    return made.study([*made.baselines(seeds=2), *runs], tuned="tuned", copy="copy")


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.axison]


def lines(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_references_come_first_then_the_best_and_all_others_share_a_line() -> None:
    results = many(9)
    named = [SINGLE_TASK, results.aggregates.equal_weights, "tuned", "good-8", "good-7", "good-6", "good-5"]
    assert tasks.named_rows(results) == named
    panel = panels(tasks.draw_test_metrics(results))[0]
    assert lines(panel) == [*named, "5 other methods"], "the copy of equal weights is no method"
    dots = [c for c in panel.collections if isinstance(c, PathCollection) and len(c.get_offsets()) == 5]
    assert sorted(x for x, _ in dots[0].get_offsets().tolist()) == pytest.approx([0.5 + 0.005 * k for k in range(5)])


def test_without_other_methods_there_is_no_line_for_them() -> None:
    figure = tasks.draw_test_metrics(many(2))
    assert lines(panels(figure)[0])[-1] == "good-0"
    assert tasks.OTHERS.split()[-1] not in figure.get_supxlabel()


def test_right_is_better_for_losses_and_for_accuracies() -> None:
    records = synthetic.records(["gradnorm-regression-2", "multimnist"], failures=False)
    loss, _, accuracy, _ = panels(tasks.draw_test_metrics(made.study(records)))
    assert loss.get_xlim()[0] > loss.get_xlim()[1]
    assert accuracy.get_xlim()[0] < accuracy.get_xlim()[1]
    assert (loss.get_xlabel(), accuracy.get_xlabel()) == ("loss → better", "accuracy → better")


def test_a_suite_with_many_tasks_shows_the_worst_and_the_best_of_equal_weights() -> None:
    points = [1.0, 5.0, -7.0, 2.0]
    names = ("a", "b", "c", "d")
    single = [made.run(SINGLE_TASK, 0.0, tasks=(name,)) for name in names]
    results = made.study([*single, made.run("fixed", points, tasks=names)])
    assert tasks.shown_tasks(results.aggregates.suites[0], results.aggregates.equal_weights) == [1, 2]
    titles = [panel.get_title(loc="left") for panel in panels(tasks.draw_test_metrics(results))]
    assert titles == ["one\nb (best of 4)", "one\nc (worst of 4)"]


def test_a_method_far_beyond_all_others_is_an_arrow_head_at_the_edge() -> None:
    rows = {"fixed": 0.0, **{f"good-{k}": 1.0 + 0.1 * k for k in range(8)}, "wild": -90.0}
    results = made.study([*made.baselines(), *(made.run(row, gain) for row, gain in rows.items())])
    panel = panels(tasks.draw_test_metrics(results))[0]
    low, _ = panel.get_xlim()
    assert low > 0.5 - 0.9 * 0.5
    edge = [
        c for c in panel.collections if isinstance(c, PathCollection) and c.get_offsets().tolist()[:1] == [[low, 7.0]]
    ]
    assert len(edge) == 1


@pytest.mark.parametrize(
    "records",
    [
        synthetic.records(["multimnist"], ["pcgrad"], baselines=False),
        synthetic.records(["multimnist"], []),
        [synthetic.record(r.cell, {}, None, reason="no") for r in synthetic.records(["multimnist"], ["fixed"])],
    ],
    ids=["no baselines", "baselines alone", "all failed"],
)
def test_partial_results_give_a_chart(records: list[Record], tmp_path: Path) -> None:
    assert save(tasks.draw_test_metrics(made.study(records)), tmp_path, "tasks")
