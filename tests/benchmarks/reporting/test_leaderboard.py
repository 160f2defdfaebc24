"""What stands in the leaderboard."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.analysis import results
from benchmarks.analysis.results import Results, read_results
from benchmarks.analysis.statistics import estimate
from benchmarks.records.record import Solver
from benchmarks.records.store import Store
from benchmarks.reporting import formats, gain_table, leaderboard, leaderboard_csv
from tests.benchmarks import synthetic
from tests.benchmarks.explained import ask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quick")
    store = Store(path)
    for record in synthetic.records():
        store.write(record)
    (path / "skipped.json").write_text('{"speech": "no network"}')
    ask(path, synthetic.protocol(("reviews", "plane")))
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> Results:
    return read_results(folder)


def test_the_leaderboard_shows_every_suite_row_failure_and_skipped_suite(found: Results) -> None:
    text = leaderboard.leaderboard(found)
    for name in (*synthetic.PROBLEMS, *synthetic.ROWS, "single-task"):
        assert name in text
    assert "| 1/2 |" in text
    assert "gradnorm, seed 1: diverged, the loss of task 'task-3' is inf at step 140" in text
    assert "single-task (right), seed 1: failed, OSError" in text
    assert "speech: no network" in text


def test_steps_without_a_solution_are_told_beside_other_failures() -> None:
    solver = Solver(residual=1e-12, fallbacks=12, steps=5000)
    records = synthetic.records(["plane"], ["fixed", "pcgrad"])
    watched = [r.model_copy(update={"solver": solver}) if r.cell.row == "pcgrad" else r for r in records]
    (suite,) = results.aggregate(watched).suites
    assert leaderboard.failure_texts(suite.failures) == [
        "pcgrad, seeds 0, 1, 2, 3, 4: no solution, fell back in 12 of 5000 steps"
    ]
    assert suite.rows[-1].done == suite.rows[-1].total


def test_every_table_has_as_many_cells_in_each_line(found: Results) -> None:
    for block in leaderboard.leaderboard(found).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count(" | ") for line in block.splitlines() if "---" not in line}) == 1


def test_rows_are_compared_with_equal_weights_and_only_where_there_are_any_with_tuned_ones(found: Results) -> None:
    assert [block.title for block in gain_table.blocks(found)] == ["Against fixed"]
    assert "\n## Against fixed\n" in leaderboard.leaderboard(found)


def test_a_mean_over_suites_has_an_interval_where_all_have_five_seeds() -> None:
    records = synthetic.records(["plane"])
    head, lines = leaderboard.overall_cells(results.aggregate(records))
    assert all("[" in line[head.index("mean Δ")] for line in lines)


def test_intervals_stand_only_where_there_are_five_seeds(found: Results) -> None:
    sections = {text.split("\n")[0]: text for text in leaderboard.leaderboard(found).split("## ")}
    assert "[+" in sections["plane"]
    assert "[+" not in sections["multimnist"]
    assert "Smoke run" in sections["# Leaderboard"]


def test_the_csv_has_one_line_per_metric_and_the_declared_columns(found: Results, folder: Path) -> None:
    _, path = leaderboard.write(found, folder)
    with path.open() as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == leaderboard_csv.LeaderboardLine._fields
    metrics = {name: len(p.tasks) * len(p.metrics) for name, p in synthetic.PROBLEMS.items()}
    assert len(lines) == sum(metrics.values()) * (len(synthetic.ROWS) + 1)
    line = next(x for x in lines if (x["suite"], x["row"]) == ("multimnist", "pcgrad"))
    assert float(line["difference"]) == pytest.approx(float(line["mean"]) - float(line["single_task"]))
    assert float(line["cost"]) == pytest.approx(1.9)


def test_the_first_suite_is_the_protocols_first(found: Results) -> None:
    assert found.aggregates.suites[0].name == "reviews"


def test_the_terminal_summary_is_readable_in_eighty_columns(found: Results) -> None:
    console = Console(width=80, file=StringIO())
    with console.capture() as capture:
        console.print(leaderboard.summary(found.aggregates))
    lines = capture.get().splitlines()
    (head,) = (line for line in lines if line.startswith("┃"))
    assert {name for name in head.split() if name != "┃"} == {"suite", *synthetic.ROWS}
    names = [line.split()[1] for line in lines if line.startswith("│")]
    assert names[: len(found.aggregates.suites)] == [suite.name for suite in found.aggregates.suites]


def test_a_row_that_lacks_a_suite_is_said_to() -> None:
    records = synthetic.records(["plane"], ["fixed", "pcgrad"]) + synthetic.records(["reviews"], ["fixed"])
    head, lines = leaderboard.overall_cells(results.aggregate(records))
    assert head[-1] == "no result on"
    by_row = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
    assert by_row["pcgrad"]["no result on"] == "reviews"
    assert by_row["pcgrad"]["mean Δ"] == formats.NONE


def test_an_empty_folder_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="make bench"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.93421, "0.9342"),
        (-16.642, "−16.64"),
        (1234.56, "1235"),
        (2e-5, "2.00e-05"),
        (0.0, "0.000"),
        (float("nan"), "–"),
    ],
)
def test_numbers_have_four_significant_digits(value: float, text: str) -> None:
    assert formats.number(value) == text


def test_a_spread_has_the_decimals_of_its_mean_and_the_number_of_seeds() -> None:
    assert formats.spread(estimate([0.9, 0.9002])) == "0.9001 ± 0.0001 (2)"
    assert formats.spread(estimate([0.9])) == "0.9000 (1)"
    assert formats.spread(estimate([])) == formats.NONE
