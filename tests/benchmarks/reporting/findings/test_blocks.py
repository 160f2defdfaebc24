"""All findings together: on whole studies, on partial ones, and in the leaderboard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.analysis.results import Results
from benchmarks.records.record import Record
from benchmarks.reporting import findings, leaderboard
from benchmarks.reporting.words import listed
from tests.benchmarks import synthetic
from tests.benchmarks.reporting.findings import made

PARTIAL: dict[str, list[Record]] = {
    "no baselines": synthetic.records(["reviews"], ["pcgrad"], baselines=False),
    "all failed": [synthetic.record(r.cell, {}, None, reason="no") for r in synthetic.records(["reviews"], ["fixed"])],
    "baselines alone": synthetic.records(["plane"], []),
    "one row": synthetic.records(["plane"], ["fixed"]),
    "no equal weights": synthetic.records(["plane"], ["pcgrad", "gradnorm"]),
    "one row lacks a suite": synthetic.records(["plane"], ["fixed", "pcgrad"])
    + synthetic.records(["reviews"], ["fixed"]),
}


def whole() -> Results:
    constants = {
        suite: {task: {problem.metrics[0].name: problem.start} for task in problem.tasks}
        for suite, problem in synthetic.PROBLEMS.items()
    }
    return replace(made.study(synthetic.records()), constants=constants)


def test_a_whole_study_has_all_findings_but_those_of_a_search() -> None:
    found = findings.blocks(whole())
    anchors = [block.anchor for block in found]
    assert len(set(anchors)) == len(findings.FINDINGS) - 1
    assert "trials" not in anchors


def test_tables_are_rectangular_and_name_what_lines_are_about() -> None:
    for block in findings.blocks(whole()):
        assert block.table is not None
        head, lines = block.table
        assert {len(line) for line in lines} == {len(head)}
        if head[0] == "method":
            assert {line[0] for line in lines} <= set(synthetic.ROWS)


@pytest.mark.parametrize("records", PARTIAL.values(), ids=PARTIAL)
def test_partial_studies_give_what_they_can(records: list[Record]) -> None:
    text = leaderboard.leaderboard(made.study(records))
    assert "nan" not in text.lower().split()


def test_findings_stand_in_the_leaderboard_with_what_they_show_and_how_to_read_them() -> None:
    study = whole()
    text = leaderboard.leaderboard(study)
    for block in findings.blocks(study):
        assert f"## {block.title}\n" in text
        assert block.text in text
        assert all(f"- {sentence}\n" in text for sentence in block.sentences)
    assert text.index("## Δ taskwise over all suites") < text.index(findings.blocks(study)[0].title)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "none"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (list("abc"), "a, b and c"),
        (list("abcdefg"), "a, b, c, d, e, f and g"),
        (list("abcdefgh"), "a, b, c, d, e, f and 2 others"),
    ],
)
def test_lists_of_names_stay_short(names: list[str], text: str) -> None:
    assert listed(names) == text
