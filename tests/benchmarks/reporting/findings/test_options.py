"""What is said about an option: numbers of the table, sentences with known answers, and caution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.analysis.statistics import estimate
from benchmarks.records.record import Record
from benchmarks.reporting import leaderboard
from benchmarks.reporting.blocks import ReportBlock
from benchmarks.reporting.findings import options
from tasks.base import DataUnavailableError
from tests.benchmarks.reporting.findings import made
from tests.benchmarks.reporting.findings.made import along
from tests.benchmarks.tiny_suite import Tiny, registered


class Unavailable(Tiny):
    def build(self, *_: object) -> None:  # pyright: ignore
        raise DataUnavailableError("the pretrained encoder is not here")


class Impossible(Tiny):
    def build(self, *_: object) -> None:  # pyright: ignore
        raise RuntimeError("a negative dimension")


@pytest.fixture
def tiny() -> Iterator[None]:
    with registered("tiny"):
        yield


def starved(records: list[Record]) -> list[Record]:
    """The same with shares of the labels of task b in the place of sizes of 1 to 10."""
    shares = {record.id: {"label_fraction": {"b": record.cell.suite_options["size"] / 10}} for record in records}
    return [
        record.model_copy(update={"cell": record.cell.model_copy(update={"suite_options": shares[record.id]})})
        for record in records
    ]


def block(records: list[Record]) -> ReportBlock:
    (found,) = options.blocks(made.study(records))
    return found


def lines(found: ReportBlock) -> dict[str, list[str]]:
    assert found.table is not None
    return {line[0]: line[1:] for line in found.table[1]}


TWO = {1: {"fixed": [(4, -2)], "other": [(-1, 8)]}, 10: {"fixed": [(-2, -2)], "other": [(-1, -3)]}}


def test_without_a_named_task_the_table_holds_the_mean_over_tasks_and_the_baselines_of_all() -> None:
    found = block(along(TWO))
    assert found.title == "Effect of an option: one by size"
    assert found.table is not None
    assert found.table[0] == ["method", "1", "10"]
    assert lines(found) == {
        "single-task, a: accuracy ↑": ["0.5000 (1)", "0.5000 (1)"],
        "single-task, b: accuracy ↑": ["0.5000 (1)", "0.5000 (1)"],
        "other": ["+3.50", "−2.00"],
        "fixed": ["+1.00", "−2.00"],
    }
    assert "Δ taskwise, in percent" in found.text


def test_with_a_named_task_the_table_holds_that_task_alone() -> None:
    found = block(starved(along(TWO)))
    assert found.anchor == "options-one-by-label_fraction-b"
    assert lines(found) == {
        "single-task, b: accuracy ↑": ["0.5000 (1)", "0.5000 (1)"],
        "other": ["+8.00", "−3.00"],
        "fixed": ["−2.00", "−2.00"],
    }
    assert found.sentences[0].startswith(
        "With 10 % of the labels of b, other (1 of 2 methods) is better than single-task on b"
    )
    assert found.sentences[1].startswith("With 100 % of the labels of b, no method is better than single-task on b")
    assert "fixed is first with −2.00 %" in found.sentences[1]


def test_sentences_count_intervals_on_either_side_of_zero() -> None:
    sure, unsure = [(5, 5), (6, 6), (5, 5), (6, 6), (5, 5)], [(-9, -9), (9, 9), (-9, -9), (9, 9), (2, 2)]
    worse = [(-a, -b) for a, b in sure]
    found = block(along({v: {"fixed": sure, "b": unsure, "c": worse} for v in (1, 2)}))
    assert found.sentences[0].startswith(
        "At size = 1, fixed and b (2 of 3 methods) are better than single-task in Δ taskwise on average; "
        "fixed is first with +5.40 ["
    )
    assert found.sentences[0].endswith("the interval lies above 0 for 1 method and below 0 for 1.")
    assert not any("evidence" in sentence for sentence in found.sentences)


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ((4.0, 2.0, 1.0), "shrinks from value to value"),
        ((1.0, 2.0, 4.0), "grows from value to value"),
        ((1.0, 4.0, 2.0), "neither grows nor shrinks steadily"),
    ],
)
def test_the_spread_between_rows_is_followed_along_the_option(scales: tuple[float, ...], said: str) -> None:
    found = block(along({k: {f"r{i}": [(i * s, i * s)] for i in range(5)} for k, s in enumerate(scales, 1)}))
    (sentence,) = (sentence for sentence in found.sentences if "middle half" in sentence)
    ends = f"{2 * scales[0]:.2f} and {2 * scales[-1]:.2f} points"
    assert sentence.startswith(f"At 1 and 3 the middle half of the methods spans {ends}")
    assert f"{4 * scales[0]:.2f} and {4 * scales[-1]:.2f}); along the option it {said}." in sentence


def test_one_row_that_fails_everywhere_does_not_decide_about_the_spread() -> None:
    rows = {f"r{i}": [(i, i)] for i in range(7)}
    broken = {"broken": [(-80.0, -80.0)]}
    found = block(along({1: rows | broken, 2: rows | {"broken": [(0, 0)]}}))
    (sentence,) = (sentence for sentence in found.sentences if "middle half" in sentence)
    assert sentence.startswith("At 1 and 2 the middle half of the methods spans 3.50 and 3.50 points")


@pytest.mark.parametrize(("rows", "seeds"), [(2, 3), (8, 2), (8, 3), (30, 5)])
def test_what_seeds_alone_would_make_of_rows_is_what_they_do_in_a_simulation(rows: int, seeds: int) -> None:
    """Rows that are all the same, whose runs share the luck of their seed; one of many is wild."""
    rng = np.random.default_rng(0)
    said, seen = [], []
    for _ in range(600):
        runs = rng.normal(0, 2, (rows, seeds)) + rng.normal(0, 30, seeds)
        seen.append(float(np.subtract(*np.quantile(runs.mean(1), [0.75, 0.25]))))
        if rows == 30:
            runs[0] += rng.normal(0, 1000, seeds)
        said.append(options.by_chance([estimate(row) for row in runs]))
    assert np.median(said) == pytest.approx(np.mean(seen), rel=0.12)


def test_chance_is_not_known_from_one_seed_or_from_seeds_that_differ() -> None:
    assert np.isnan(options.by_chance([estimate([1.0]), estimate([2.0])]))
    assert np.isnan(options.by_chance([estimate([1.0, 2.0]), estimate([2.0, 3.0, 4.0])]))


def test_few_seeds_are_called_no_evidence_where_they_are() -> None:
    few, enough = {"fixed": [(1, 1)] * 3}, {"fixed": [(1, 1)] * 5}
    assert block(along({1: few, 2: few})).sentences[-1].startswith("With fewer than 5 seeds, none of this is evidence")
    assert block(along({1: few, 2: enough})).sentences[-1].startswith("With fewer than 5 seeds at 1, none of this")
    assert "evidence" not in block(along({1: enough, 2: enough})).sentences[-1]


@pytest.mark.parametrize("change", [{"steps": 800}, {"halve_at": (2,)}])
def test_other_budgets_along_the_option_are_told(change: dict[str, Any]) -> None:
    records = along(TWO)
    longer = [
        record.model_copy(update={"cell": record.cell.model_copy(update=change)})
        if record.cell.table == "at-10"
        else record
        for record in records
    ]
    warned = [any("Steps, epochs" in said for said in block(each).sentences) for each in (records, longer)]
    assert warned == [False, True]


def test_without_baselines_it_says_that_nothing_can_be_compared() -> None:
    found = block([record for record in along(TWO) if record.cell.row != "single-task"])
    assert [said.partition(", ")[2] for said in found.sentences[:2]] == [
        "nothing can be compared: single-task or a finished run is missing."
    ] * 2


def sized(records: list[Record]) -> list[Record]:
    """The same, of the tiny suite in several widths."""
    return [
        record.model_copy(
            update={
                "cell": record.cell.model_copy(
                    update={"suite": "tiny", "suite_options": {"width": int(record.cell.suite_options["size"])}}
                )
            }
        )
        for record in records
    ]


@pytest.mark.usefixtures("tiny")
def test_an_option_that_changes_the_model_shows_its_size() -> None:
    before = torch.get_rng_state()
    found = block(sized(along(TWO)))
    assert lines(found)["encoder parameters"] == ["6", "150"]  # (3 + 1) w + (w + 1) w
    assert found.table is not None
    assert found.table[1][-1][0] == "encoder parameters"
    assert options.LEGEND[-1] in found.legend
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_that_cannot_be_built_here_has_no_size() -> None:
    with registered("tiny", suite=Unavailable):
        assert "encoder parameters" not in lines(block(sized(along(TWO))))
    assert "encoder parameters" not in lines(block(sized(along(TWO)))), "a suite that is not known here"
    with registered("tiny", suite=Impossible):
        assert "encoder parameters" not in lines(block(sized(along(TWO))))


def test_no_model_is_built_for_an_option_about_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(options, "suite_of", asked.append)
    assert "encoder parameters" not in lines(block(starved(along(TWO))))
    assert not asked


@pytest.mark.usefixtures("tiny")
def test_a_size_that_stays_the_same_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "suite_of", lambda _: Tiny(width=3))
    assert "encoder parameters" not in lines(block(sized(along(TWO))))


def test_findings_about_options_stand_in_the_leaderboard() -> None:
    study = made.study(along(TWO))
    text, (found,) = leaderboard.leaderboard(study), options.blocks(study)
    assert f"## {found.title}\n" in text
    assert all(f"- {sentence}\n" in text for sentence in found.sentences)
    assert text.index("## Δ taskwise over all suites") < text.index(found.title) < text.index("## at-1\n")


def test_a_study_without_series_says_nothing_about_options() -> None:
    assert options.blocks(made.study([*made.baselines(), made.run("fixed", 1.0)])) == []
