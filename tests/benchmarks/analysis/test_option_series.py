"""Which tables are one suite along an option, and what the differences to single-task along it are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.analysis import option_gains, option_series
from benchmarks.analysis.option_series import OptionSeries
from benchmarks.protocols.build_asked import asked_of
from benchmarks.protocols.expand import expand
from benchmarks.protocols.files import find, read
from benchmarks.records.asked import AskedSuite
from tasks import registry
from tests.benchmarks import synthetic
from tests.benchmarks.reporting.findings import made

TABLES = ("at-1", "at-2")


def series(suite: str = "multimnist", /, *, cells: dict[str, Any] | None = None, **tables: Any) -> list[OptionSeries]:
    """The series among tables with these options; ``cells`` changes what else cells say, by table."""
    changes = cells or {}
    return option_series.find(
        {
            table: synthetic.cell(suite, "fixed", ("left", "right"), 0, suite_options=options, **changes.get(table, {}))
            for table, options in tables.items()
        },
        dict.fromkeys(tables, registry.defaults(suite) if suite in registry.names() else {}),
    )


def test_tables_that_differ_in_one_numeric_option_are_a_series_from_the_smallest_value_on() -> None:
    (found,) = series(c={"width": 40, "digits": "5k"}, a={"width": 5, "digits": "5k"}, b={"width": 20, "digits": "5k"})
    assert found.points == ((5, "a"), (20, "b"), (40, "c"))
    assert (found.name, found.option, found.task) == ("multimnist-by-width", "width", None)


def test_a_nested_option_names_a_task_and_is_a_share_of_its_labels() -> None:
    (found,) = series(few={"label_fraction": {"right": 0.005}}, all={"label_fraction": {"right": 1.0}})
    assert (found.name, found.task) == ("multimnist-by-label_fraction-right", "right")
    assert found.words == "share of right's labels"
    assert [found.label(value) for value in found.values] == ["0.5 %", "100 %"]


def test_a_table_without_the_option_has_the_default_if_that_is_a_number() -> None:
    (found,) = series(usual={}, narrow={"width": 5})
    assert found.points == ((5, "narrow"), (10, "usual"))
    no_number = series("reviews", all={}, some={"sentences": 200}, more={"sentences": 300})
    assert [each.points for each in no_number] == [((200, "some"), (300, "more"))]
    assert not series(all={}, few={"label_fraction": {"left": 0.1}})


def test_a_default_that_is_written_out_makes_no_difference() -> None:
    (found,) = series(usual={"train_pairs": 10_000}, narrow={"width": 5})
    assert found.option == "width"


@pytest.mark.parametrize(
    "tables",
    [
        {"a": {"width": 5, "digits": "5k"}, "b": {"width": 10, "digits": "full"}},
        {"a": {"width": 5, "train_pairs": 10}, "b": {"width": 10, "train_pairs": 20}},
        {"a": {"digits": "5k"}, "b": {"digits": "full"}},
        {"a": {"width": 5}, "b": {"width": 5}},
        {"a": {"width": 5}, "b": {"width": 5}, "c": {"width": 10}},
        {"a": {"width": 5}},
    ],
    ids=["another differs", "two differ", "no number", "none differs", "a value twice", "one table"],
)
def test_other_tables_are_no_series(tables: dict[str, dict[str, Any]]) -> None:
    assert not series(**tables)


@pytest.mark.parametrize("changes", [{"optimizer": "sgd"}, {"precision": "bfloat16"}, {"suite_version": 2}])
def test_what_cannot_be_compared_is_no_series(changes: dict[str, Any]) -> None:
    assert not series(cells={"b": changes}, a={"width": 5}, b={"width": 10})


def test_truth_values_are_no_numbers_and_an_unknown_suite_has_the_options_that_its_tables_set() -> None:
    assert not series("mine", a={"deep": True}, b={"deep": False})
    (found,) = series("mine", a={"depth": 1, "deep": True}, b={"depth": 2, "deep": True}, c={})
    assert found.values == (1, 2)


def test_a_grid_has_a_series_along_both_options_at_every_value_of_the_other() -> None:
    grid = {f"w{w}-p{p}": {"width": w, "train_pairs": p} for w in (5, 10) for p in (100, 200)}
    found = series(**grid)
    assert [(each.option, [point.table for point in each.points]) for each in found] == [
        ("train_pairs", ["w5-p100", "w5-p200"]),
        ("width", ["w5-p100", "w10-p100"]),
        ("width", ["w5-p200", "w10-p200"]),
        ("train_pairs", ["w10-p100", "w10-p200"]),
    ]
    assert len({each.name for each in found}) == len(found)
    assert found[0].subject == "multimnist (w5-p100 to w5-p200)"
    assert found[0].name == "multimnist-w5-p100-to-w5-p200-by-train_pairs"


def test_values_are_wide_from_a_ratio_of_eight_on_and_read_as_people_write_them() -> None:
    wide, narrow, zero = (
        series(a={"width": low}, b={"width": high})[0] for low, high in ((5, 40), (10_000, 70_000), (0, 9))
    )
    assert (wide.is_wide, narrow.is_wide, zero.is_wide) == (True, False, False)
    assert [narrow.label(value) for value in (10_000.0, 0.25)] == ["10,000", "0.25"]


@pytest.mark.parametrize(
    ("protocol", "options"),
    [("low-resource", ["label_fraction.conversion", "label_fraction.right"]), ("model-size", ["width", "width"])],
)
def test_the_protocols_about_options_are_series_throughout(protocol: str, options: list[str]) -> None:
    asked = asked_of(read(find(protocol)), [])
    cells = {cell.table: cell for cell in expand(read(find(protocol))) if len(cell.tasks) > 1}
    found = option_series.find(cells, {table: suite.options for table, suite in asked.suites.items()})
    assert [each.option for each in found] == options
    assert [point.table for each in found for point in each.points] == list(cells)
    assert all(
        len({(cell.epochs, cell.batch_size) for cell in cells.values() if cell.suite == e.suite}) == 1 for e in found
    )


def test_a_table_of_another_optimizer_has_the_defaults_of_its_suite() -> None:
    records = [
        record.model_copy(
            update={"cell": record.cell.model_copy(update={"optimizer": "sgd", "suite_options": options})}
        )
        for record in made.along({1: {"fixed": [(4, -2)]}, 2: {"fixed": [(1, 1)]}})
        for options in [{} if record.cell.table == "at-1" else record.cell.suite_options]
    ]
    study = made.study(records)
    suites = {name: AskedSuite(suite="one", options={"size": 1}, summary="", searched_once=False) for name in TABLES}
    study = replace(study, asked=study.asked.model_copy(update={"suites": suites}))
    (series_of_sgd,) = option_series.of(study)
    assert series_of_sgd.points == ((1, "at-1 (sgd)"), (2, "at-2 (sgd)"))


def means(lines: option_gains.Lines) -> dict[str, list[float]]:
    return {row: [value.mean for value in values] for row, values in lines.items()}


def test_differences_are_to_single_task_at_the_same_value() -> None:
    records = made.along({1: {"fixed": [(4, -2), (6, -4)]}, 2: {"fixed": [(1, 1), (1, 1)]}})
    worse = [
        record.model_copy(
            update={"best": record.best.model_copy(update={"test": made.scalars([0.25], record.cell.tasks)})}
        )
        if record.best and record.cell.row == "single-task" and record.cell.table == "at-2"
        else record
        for record in records
    ]
    (found,) = option_series.of(study := made.study(worse))
    gains = option_gains.along(study, found)
    assert means(gains.tasks["a"])["fixed"] == pytest.approx([5, 100 * (0.505 - 0.25) / 0.25])
    assert means(gains.tasks["b"])["fixed"][0] == pytest.approx(-3)
    assert means(gains.mean)["fixed"][0] == pytest.approx(1)
    assert gains.tasks["a"]["fixed"][0].values == pytest.approx((4, 6))
    assert [value.mean for value in option_gains.baseline(study, found, "a")] == [0.5, 0.25]


def test_a_row_that_lacks_a_value_has_nothing_there() -> None:
    study = made.study(made.along({1: {"fixed": [(4, 2)], "other": [(1, 1)]}, 2: {"fixed": [(1, 3)]}}))
    gains = option_gains.along(study, option_series.of(study)[0])
    assert gains.mean["other"][1].count == gains.tasks["a"]["other"][1].count == 0
    np.testing.assert_allclose(means(gains.mean)["other"], [1, np.nan])


def test_the_worst_task_is_another_one_at_each_value_and_for_each_row() -> None:
    study = made.study(
        made.along({1: {"fixed": [(4, -2)], "other": [(-7, 1)]}, 2: {"fixed": [(-3, 8)], "other": [(1, 0)]}})
    )
    worst = option_gains.worst(option_gains.along(study, option_series.of(study)[0]).tasks)
    assert means(worst) == {"fixed": pytest.approx([-2, -3]), "other": pytest.approx([-7, 0])}


def test_shares_of_labels_are_called_as_the_registry_calls_them() -> None:
    assert f"{registry.LABEL_FRACTION}." == option_series.SHARES
