"""Aggregates against numbers worked out by hand, and what happens when runs are missing."""

from __future__ import annotations

import math

import pytest

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.results import comparable
from benchmarks.analysis.statistics import MIN_SEEDS, estimate
from benchmarks.analysis.summaries import RowSummary
from benchmarks.records.record import SINGLE_TASK, MetricFact, Record, Scalars
from tests.benchmarks import synthetic

ACCURACY = MetricFact(name="accuracy", best=1.0, higher_is_better=True)
LOSS = MetricFact(name="loss", best=0.0, higher_is_better=False)
METRICS = {"a": [ACCURACY, LOSS], "b": [LOSS]}


def run(row: str, seed: int, test: Scalars | None, seconds: float = 1.0, suite: str = "toy") -> Record:
    tasks = tuple(test) if test and row == SINGLE_TASK else ("a", "b")
    cell = synthetic.cell(suite, row, tasks, seed)
    reason = "" if test else "out of memory"
    return synthetic.record(cell, {t: METRICS[t] for t in tasks}, test, seconds=seconds, reason=reason)


def both(accuracy: float, loss_a: float, loss_b: float) -> Scalars:
    return {"a": {"accuracy": accuracy, "loss": loss_a}, "b": {"loss": loss_b}}


def baselines(seed: int, accuracy: float = 0.8, loss_a: float = 0.5, loss_b: float = 2.0) -> list[Record]:
    return [
        run(SINGLE_TASK, seed, {"a": {"accuracy": accuracy, "loss": loss_a}}, seconds=0.5),
        run(SINGLE_TASK, seed, {"b": {"loss": loss_b}}, seconds=0.7),
    ]


def row_of(records: list[Record], name: str) -> RowSummary:
    row = aggregate(records).suites[0].row(name)
    assert row is not None
    return row


def test_deltas_are_those_worked_out_by_hand() -> None:
    # accuracy +10 %, loss of a 20 % worse, loss of b 25 % better
    row = row_of([*baselines(0), run("fixed", 0, both(0.88, 0.6, 1.5))], "fixed")
    assert row.delta_metricwise.mean == pytest.approx((10 - 20 + 25) / 3)
    assert row.delta_taskwise.mean == pytest.approx(((10 - 20) / 2 + 25) / 2)
    accuracy, loss_a, loss_b = row.metrics
    assert accuracy.difference == pytest.approx(0.08)
    assert loss_a.difference == pytest.approx(-0.1)
    assert loss_b.relative == pytest.approx(25)
    assert [metric.primary for metric in row.metrics] == [True, False, True]


def test_the_error_ratio_is_a_geometric_mean_over_tasks() -> None:
    # error of a: 0.12 instead of 0.2; error of b: 1.5 instead of 2
    row = row_of([*baselines(0), run("fixed", 0, both(0.88, 0.6, 1.5))], "fixed")
    assert row.error_ratio == pytest.approx(math.sqrt(0.6 * 0.75))


def test_there_is_no_error_ratio_where_single_task_is_next_to_perfect() -> None:
    row = row_of([*baselines(0, loss_b=1e-6), run("fixed", 0, both(0.88, 0.6, 1.5))], "fixed")
    assert math.isnan(row.error_ratio)


def test_a_negative_reference_is_compared_by_its_size() -> None:
    row = row_of([*baselines(0, loss_b=-20.0), run("fixed", 0, both(0.8, 0.5, -19.0))], "fixed")
    assert row.metrics[2].relative == pytest.approx(-5)
    assert row.delta_taskwise.mean == pytest.approx(-2.5)


def test_a_run_is_paired_with_the_baselines_of_its_own_seed() -> None:
    records = [*baselines(0, loss_b=1.0), *baselines(1, loss_b=3.0)]
    records += [run("fixed", 0, both(0.8, 0.5, 1.2)), run("fixed", 1, both(0.8, 0.5, 3.2))]
    row = row_of(records, "fixed")
    assert row.delta_taskwise.values == pytest.approx((-5, -5))  # 0.2 of the mean 2 on one of two tasks, for both seeds
    assert row.delta_taskwise.sd == pytest.approx(0, abs=1e-9)


def test_the_mean_stands_in_for_a_baseline_that_failed() -> None:
    records = [*baselines(0, loss_b=1.0), *baselines(1, loss_b=3.0), *baselines(2)[:1]]
    records += [run("fixed", seed, both(0.8, 0.5, 1.0)) for seed in range(3)]
    assert row_of(records, "fixed").delta_taskwise.values[2] == pytest.approx(25)  # 1 instead of the mean 2, half of it


def test_a_baseline_near_zero_in_one_seed_does_not_decide_alone() -> None:
    records = [*baselines(0, loss_b=1e-6), *baselines(1, loss_b=2.0)]
    records += [run("fixed", seed, both(0.8, 0.5, 1.0)) for seed in range(2)]
    assert row_of(records, "fixed").delta_taskwise.values == pytest.approx((-50, 50), abs=1e-3)


def test_hurt_counts_tasks_by_their_primary_metric() -> None:
    row = row_of([*baselines(0), run("fixed", 0, both(0.81, 9.0, 2.1))], "fixed")
    assert row.hurt == 1


def test_cost_is_relative_to_equal_weights_and_baselines_add_up() -> None:
    records = [*baselines(0), run("fixed", 0, both(0.8, 0.5, 2), 0.4), run("pcgrad", 0, both(0.8, 0.5, 2), 0.6)]
    assert row_of(records, "pcgrad").cost == pytest.approx(1.5)
    assert row_of(records, "fixed").cost == 1
    assert row_of(records, SINGLE_TASK).cost == pytest.approx((0.5 + 0.7) / 0.4)
    assert aggregate(records, "pcgrad").suites[0].rows[1].cost == 1


def test_the_gain_over_equal_weights_is_taken_seed_by_seed() -> None:
    records = [*baselines(0), *baselines(1), run("fixed", 0, both(0.8, 0.5, 2)), run("fixed", 1, both(0.8, 0.5, 1))]
    records += [run("pcgrad", 1, both(0.8, 0.5, 0.8))]
    assert row_of(records, "pcgrad").over_equal.values == pytest.approx((5,))
    assert row_of(records, "fixed").over_equal.count == 0


def test_failed_and_missing_runs_are_counted_and_named() -> None:
    records = [*baselines(0), *baselines(1), run("fixed", 0, both(0.8, 0.5, 2)), run("fixed", 1, None)]
    records += [run("pcgrad", 0, both(0.8, 0.5, 2))]
    suite = aggregate(records).suites[0]
    assert [(row.row, row.done, row.total) for row in suite.rows] == [
        (SINGLE_TASK, 2, 2),
        ("fixed", 1, 2),
        ("pcgrad", 1, 2),
    ]
    found = {(failure.row, failure.seed): (failure.status, failure.reason) for failure in suite.failures}
    assert found == {("fixed", 1): ("failed", "out of memory"), ("pcgrad", 1): ("not run", "no record")}


def test_ranks_average_over_tasks_and_a_row_without_results_is_last() -> None:
    records = [run("fixed", 0, both(0.9, 0.5, 3)), run("pcgrad", 0, both(0.8, 0.5, 2)), run("gradnorm", 0, None)]
    ranked = {row.row: row.rank for row in aggregate(records).suites[0].rows}
    assert ranked == {"fixed": 1.5, "pcgrad": 1.5, "gradnorm": 3}


def test_without_baselines_there_is_no_delta_but_there_are_results() -> None:
    row = row_of([run("fixed", 0, both(0.9, 0.5, 3))], "fixed")
    assert row.metrics[0].best.mean == 0.9
    assert math.isnan(row.delta_taskwise.mean)
    assert row.hurt is None


def test_a_metric_whose_baseline_is_zero_is_left_out_of_the_delta() -> None:
    row = row_of([*baselines(0, loss_a=0.0), run("fixed", 0, both(0.88, 0.1, 1.5))], "fixed")
    assert row.delta_taskwise.mean == pytest.approx((10 + 25) / 2)
    assert math.isnan(row.metrics[1].relative)


def test_a_suite_where_everything_failed_has_rows_and_no_numbers() -> None:
    cell = synthetic.cell("toy", "fixed", ("a", "b"), 0)
    suite = aggregate([synthetic.record(cell, {}, None, reason="no data")]).suites[0]
    assert suite.rows[0].metrics == ()
    assert (suite.rows[0].done, suite.failures[0].reason) == (0, "no data")


def test_a_mean_over_suites_needs_all_suites() -> None:
    first = [*baselines(0), run("fixed", 0, both(0.88, 0.5, 2)), run("pcgrad", 0, both(0.8, 0.5, 1))]
    second = [r.model_copy(update={"cell": r.cell.model_copy(update={"suite": "other"})}) for r in first[:3]]
    overall = {row.row: row for row in aggregate(first + second).overall}
    assert overall["fixed"].delta_taskwise.mean == pytest.approx(2.5)
    assert overall["fixed"].rank == pytest.approx((1.25 + 1) / 2 + 0.125)
    assert math.isnan(overall["pcgrad"].delta_taskwise.mean)
    assert overall["pcgrad"].missing == ("other",)
    assert (overall["pcgrad"].done, overall["pcgrad"].total) == (1, 2)


def test_suites_and_rows_keep_the_order_of_the_protocol_and_else_follow_by_name() -> None:
    found = aggregate(
        synthetic.records(["plane", "gradnorm-regression-10", "gradnorm-regression-2"]), "fixed", ["plane"]
    )
    assert [suite.name for suite in found.suites] == ["plane", "gradnorm-regression-2", "gradnorm-regression-10"]
    assert found.rows == (SINGLE_TASK, "fixed", "gradnorm", "pcgrad", "uncertainty")


def test_no_records_are_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="make bench"):
        aggregate([])


def test_an_interval_needs_five_seeds_holds_the_mean_and_repeats() -> None:
    assert not estimate([1.0] * (MIN_SEEDS - 1)).has_interval
    values = [0.0, 1.0, 2.0, 3.0, 4.0]
    found = estimate(values)
    assert 0 < found.low < found.mean == 2 < found.high < 4
    assert found == estimate(values)
    assert estimate([2.0] * MIN_SEEDS).low == 2


def test_records_of_an_older_setting_are_not_mixed_in() -> None:
    old, new = (synthetic.cell("toy", "fixed", ("a", "b"), 0, steps=steps) for steps in (10, 20))
    records = [
        synthetic.record(cell, METRICS, both(0.8, 0.5, 2)).model_copy(update={"finished": f"2026-01-0{day}"})
        for day, cell in ((2, new), (1, old))
    ]
    assert [r.cell.steps for r in comparable(records)] == [20]


def test_records_that_the_protocol_asks_for_win_over_newer_ones() -> None:
    asked, newer = (synthetic.cell("toy", "fixed", ("a", "b"), 0, steps=steps) for steps in (10, 20))
    records = [
        synthetic.record(cell, METRICS, both(0.8, 0.5, 2)).model_copy(update={"finished": f"2026-01-0{day}"})
        for day, cell in ((1, asked), (2, newer))
    ]
    assert [r.cell.steps for r in comparable(records, {asked.id})] == [10]
    assert [r.cell.steps for r in comparable(records, {"of another suite"})] == [20]


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_size": 64},
        {"evaluations": 3},
        {"epochs": 7, "steps": None},
        {"halve_at": (5,)},
        {"precision": "bfloat16"},
    ],
)
def test_records_that_were_trained_otherwise_are_not_mixed_in(changed: dict) -> None:
    cells = [synthetic.cell("toy", "fixed", ("a", "b"), 0, **settings) for settings in ({}, changed)]
    records = [
        synthetic.record(cell, METRICS, both(0.8, 0.5, 2)).model_copy(update={"finished": f"2026-01-0{day}"})
        for day, cell in enumerate(cells, start=1)
    ]
    assert comparable(records) == records[1:]


def test_of_a_row_only_the_newest_version_counts_whatever_trials_it_has() -> None:
    changes = [{"trial": trial, "balancer_version": 1} for trial in range(3)] + [{"trial": 0, "balancer_version": 2}]
    cells = [synthetic.cell("toy", "fixed", ("a", "b"), 0, **change) for change in changes]
    records = [
        synthetic.record(cell, METRICS, both(0.8, 0.5, 2)).model_copy(update={"finished": f"2026-01-0{day}"})
        for day, cell in enumerate(cells, start=1)
    ]
    assert comparable(records) == records[3:]


def test_of_a_trial_only_the_newest_point_counts_but_several_learning_rates_without_a_search() -> None:
    rates = [(0, 0.1), (0, 0.2), (1, 0.3), (1, 0.4)]
    cells = [synthetic.cell("toy", "fixed", ("a", "b"), 0, trial=trial, learning_rate=rate) for trial, rate in rates]
    records = [
        synthetic.record(cell, METRICS, both(0.8, 0.5, 2)).model_copy(update={"finished": f"2026-01-0{day}"})
        for day, cell in enumerate(cells, start=1)
    ]
    assert [record.cell.learning_rate for record in comparable(records)] == [0.1, 0.2, 0.4]


def test_records_of_another_device_are_not_mixed_in() -> None:
    records = [
        run("fixed", seed, both(0.8, 0.5, 2)).model_copy(
            update={"finished": f"2026-01-0{seed + 1}", "environment": {"device": device}}
        )
        for seed, device in enumerate(("cuda", "cpu"))
    ]
    assert comparable(records) == records[1:]


def test_a_task_that_is_no_better_than_untrained_is_named() -> None:
    scores = both(0.8, 0.5, 2.0)
    done = run("fixed", 0, scores)
    start = {"a": {"accuracy": [0.1], "loss": [0.9]}, "b": {"loss": [2.0]}}
    assert done.best is not None
    stuck = done.model_copy(
        update={
            "best": done.best.model_copy(update={"validation": scores}),
            "curves": done.curves.model_copy(update={"validation": start, "step": [0]}),
        }
    )
    failures = aggregate([*baselines(0), stuck]).suites[0].failures
    assert [(f.row, f.task, f.status) for f in failures] == [("fixed", "b", "stuck")]


def test_a_metric_without_a_natural_zero_is_measured_by_its_best_value() -> None:
    depth = MetricFact(name="depth", best=-2.0, higher_is_better=False)
    records = []
    for row, value in ((SINGLE_TASK, 0.01), ("fixed", -1.0)):
        of = synthetic.cell("toy", row, ("a",), 0)
        records.append(synthetic.record(of, {"a": [depth]}, {"a": {"depth": value}}))
    row = row_of(records, "fixed")
    assert row.delta_taskwise.mean == row.metrics[0].relative == pytest.approx(100 * 1.01 / 2)
