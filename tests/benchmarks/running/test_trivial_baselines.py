"""The scores of trivial baselines are kept in a results folder, and renewed when their suite changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.records.record import Cell
from benchmarks.records.trivial import TRIVIAL, trivial_scores
from benchmarks.running import trivial_baselines
from tests.benchmarks import synthetic
from tests.benchmarks.tiny_suite import registered


def cell(**changes: object) -> Cell:
    return synthetic.cell("tiny", "fixed", ("height", "side"), 0, **changes)


def test_scores_are_kept_until_the_suite_changes(tmp_path: Path) -> None:
    with registered("tiny"):
        trivial_baselines.renew(tmp_path, [cell()])
        first = trivial_scores(tmp_path, [cell()])
        assert list(first) == ["tiny"]
        kept = json.loads((tmp_path / TRIVIAL).read_text())
        kept["tiny"]["scores"]["side"]["accuracy"] = 0.125
        (tmp_path / TRIVIAL).write_text(json.dumps(kept))
        trivial_baselines.renew(tmp_path, [cell()])
        assert trivial_scores(tmp_path, [cell()])["tiny"]["side"]["accuracy"] == 0.125
        wider = cell(suite_options={"width": 8})
        assert trivial_scores(tmp_path, [wider]) == {}
        trivial_baselines.renew(tmp_path, [wider])
        assert trivial_scores(tmp_path, [wider])["tiny"]["side"] == first["tiny"]["side"]


def test_data_that_cannot_be_had_and_problems_without_examples_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plane = synthetic.cell("plane", "fixed", ("L1", "L2"), 0)
    with registered("tiny"):
        trivial_baselines.renew(tmp_path, [plane, cell(suite_options={"fault": "data"})])
    assert "on tiny is not known: the 48 points are nowhere to be found" in caplog.text
    assert not (tmp_path / TRIVIAL).exists(), "nothing is known"
    assert trivial_scores(tmp_path, [plane]) == {}


def test_a_damaged_file_hides_no_results_and_is_written_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / TRIVIAL).write_text('{"tiny": {"of"')
    assert trivial_scores(tmp_path, [cell()]) == {}
    assert "cannot be read" in caplog.text
    with registered("tiny"):
        trivial_baselines.renew(tmp_path, [cell()])
    assert list(trivial_scores(tmp_path, [cell()])) == ["tiny"]


def test_suites_that_are_unknown_or_of_another_version_by_now_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = synthetic.cell("gone", "fixed", ("height", "side"), 0)
    older = cell(variant="older", suite_version=0)
    with registered("tiny"):
        trivial_baselines.renew(tmp_path, [gone, older, cell()])
    assert "on gone is not known" in caplog.text
    assert list(trivial_scores(tmp_path, [gone, older, cell()])) == ["tiny"]
    assert list(json.loads((tmp_path / TRIVIAL).read_text())) == ["tiny"]


def test_batches_are_no_larger_than_those_of_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(trivial_baselines, "scores", lambda _, __, size: sizes.append(size) or {})
    with registered("tiny"):
        trivial_baselines.renew(tmp_path, [cell(batch_size=2), cell(variant="large", batch_size=1000)])
    assert sizes == [2, trivial_baselines.BATCH]
