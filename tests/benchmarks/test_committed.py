"""What the committed results are there to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.analysis import option_series
from benchmarks.analysis.option_gains import along
from benchmarks.analysis.results import read_results
from benchmarks.records.record import SINGLE_TASK
from benchmarks.reporting.findings import trivial_baseline
from benchmarks.studies.finetuning.results import TransferResults, rows

RESULTS = Path(__file__).parents[2] / "results"
FIELDS = {"multifashion", "scenes", "reviews", "sentiment+genre", "ewt", "morphology", "speech", "movielens"}
SAMPLES = {"nyuv2", "cityscapes", "celeba", "qm9"}


@pytest.mark.parametrize(("folder", "suites"), [("fields", FIELDS), ("samples", SAMPLES)])
def test_every_task_is_learnt_alone_and_with_equal_weights(folder: str, suites: set[str]) -> None:
    results = read_results(RESULTS / folder)
    assert {suite.name for suite in results.aggregates.suites} == suites
    assert all(len(suite.rows) >= 6 for suite in results.aggregates.suites), "single-task, equal weights and four more"
    block = trivial_baseline.block(results)
    assert block is not None
    assert block.table is not None
    head, lines = block.table
    assert len(lines) == sum(len(suite.tasks) for suite in results.aggregates.suites)
    for row in (SINGLE_TASK, "fixed"):
        gone = {line[0]: float(line[head.index(row)].replace("−", "-")) for line in lines}
        assert min(gone.values()) >= 100 * trivial_baseline.CLEAR, (row, gone)


@pytest.mark.parametrize(
    ("folder", "option", "values"),
    [("low-resource", "label_fraction.", (0.01, 0.05, 0.2, 1.0)), ("model-size", "width", ())],
)
def test_two_suites_vary_the_option_with_five_seeds_of_every_row(
    folder: str, option: str, values: tuple[float, ...]
) -> None:
    results = read_results(RESULTS / folder)
    series = option_series.of(results)
    assert [each.suite for each in series] == ["movielens", "multimnist"]
    for each in series:
        assert each.option.startswith(option)
        assert len(each.values) == 4
        assert each.values == (values or each.values)
        assert (RESULTS / folder / "charts" / f"{each.name}.png").is_file()
        for lines in along(results, each).tasks.values():
            assert len(lines) >= 5, "equal weights and four more"
            assert all(value.has_interval for line in lines.values() for value in line)


def test_transfer_compares_every_task_of_two_suites_with_five_seeds() -> None:
    comparisons = rows(TransferResults.load(RESULTS / "transfer").outcomes)
    tasks = {(row.suite, row.task) for row in comparisons}
    assert {suite for suite, _ in tasks} == {"movielens", "multimnist"}
    assert len(comparisons) == 6 * len(tasks)
    assert all(row.ahead().has_interval for row in comparisons)
