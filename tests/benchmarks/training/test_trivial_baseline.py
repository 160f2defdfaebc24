"""One answer to every example: its scores are those that can be computed by hand, and they are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.records.record import Cell
from benchmarks.records.trivial import TRIVIAL, trivial_scores
from benchmarks.training import trivial_baseline
from tasks.base import MultiTaskModel, Split, Splits, Task
from tasks.scoring import binary
from tests.benchmarks import synthetic
from tests.benchmarks.tiny_suite import Encoder, Tiny, registered


def cell(**changes: object) -> Cell:
    return synthetic.cell("tiny", "fixed", ("height", "side"), 0, **changes)


def test_the_scores_are_those_of_the_mean_and_of_the_commonest_class() -> None:
    suite = Tiny()
    splits = suite.load()
    found = trivial_baseline.scores(suite)
    mean = splits.train.targets["height"].mean()
    assert found["height"]["mse"] == pytest.approx(
        float((splits.test.targets["height"] - mean).square().mean()), rel=0.05
    )
    commonest = splits.train.targets["side"].mode().values
    assert found["side"]["accuracy"] == float((splits.test.targets["side"] == commonest).double().mean())
    assert found == trivial_baseline.scores(suite)


@dataclass(frozen=True)
class Rare(Tiny):
    """Three in ten are positive, which F1 alone is about."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (Task("rare", binary.cross_entropy, (binary.f1(), binary.balanced_accuracy())),)

    def load(self, data: Path | None = None) -> Splits:
        return Splits(*(Split(part.inputs, {"rare": _rare(len(part))}) for part in super().load(data)))

    def build(self, seed: int, tasks: Sequence[str]) -> MultiTaskModel:
        return MultiTaskModel(
            Encoder(self.width), {task: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)) for task in tasks}
        )


def _rare(count: int) -> torch.Tensor:
    return (torch.arange(count) % 10 < 3).float()


def test_where_a_metric_is_about_rare_classes_the_commonest_is_not_the_best_answer() -> None:
    found = trivial_baseline.scores(Rare())
    share = float(_rare(8).mean())
    assert found["rare"]["f1"] == pytest.approx(2 * share / (1 + share))
    assert found["rare"]["balanced_accuracy"] == 0.5


def test_an_encoder_that_is_blind_keeps_the_shape_and_learns_nothing() -> None:
    encoder = Tiny().build(0, ["side"]).encoder
    seen: list[int] = []
    encoder.register_forward_pre_hook(lambda _, __, inputs: seen.append(len(inputs["x"])), with_kwargs=True)
    features = trivial_baseline.BlindEncoder(encoder)(x=torch.randn(5, 3))
    assert seen == [1]
    assert features.shape == (5, 4)
    assert not features.any()
    assert not features.requires_grad


def test_scores_are_kept_until_the_suite_changes(tmp_path: Path) -> None:
    with registered("tiny"):
        trivial_baseline.renew(tmp_path, [cell()])
        first = trivial_scores(tmp_path, [cell()])
        assert list(first) == ["tiny"]
        kept = json.loads((tmp_path / TRIVIAL).read_text())
        kept["tiny"]["scores"]["side"]["accuracy"] = 0.125
        (tmp_path / TRIVIAL).write_text(json.dumps(kept))
        trivial_baseline.renew(tmp_path, [cell()])
        assert trivial_scores(tmp_path, [cell()])["tiny"]["side"]["accuracy"] == 0.125
        wider = cell(suite_options={"width": 8})
        assert trivial_scores(tmp_path, [wider]) == {}
        trivial_baseline.renew(tmp_path, [wider])
        assert trivial_scores(tmp_path, [wider])["tiny"]["side"] == first["tiny"]["side"]


def test_data_that_cannot_be_had_and_problems_without_examples_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plane = synthetic.cell("plane", "fixed", ("L1", "L2"), 0)
    with registered("tiny"):
        trivial_baseline.renew(tmp_path, [plane, cell(suite_options={"fault": "data"})])
    assert "on tiny is not known: the 48 points are nowhere to be found" in caplog.text
    assert not (tmp_path / TRIVIAL).exists(), "nothing is known"
    assert trivial_scores(tmp_path, [plane]) == {}


def test_a_damaged_file_hides_no_results_and_is_written_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / TRIVIAL).write_text('{"tiny": {"of"')
    assert trivial_scores(tmp_path, [cell()]) == {}
    assert "cannot be read" in caplog.text
    with registered("tiny"):
        trivial_baseline.renew(tmp_path, [cell()])
    assert list(trivial_scores(tmp_path, [cell()])) == ["tiny"]


def test_suites_that_are_unknown_or_of_another_version_by_now_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = synthetic.cell("gone", "fixed", ("height", "side"), 0)
    older = cell(variant="older", suite_version=0)
    with registered("tiny"):
        trivial_baseline.renew(tmp_path, [gone, older, cell()])
    assert "on gone is not known" in caplog.text
    assert list(trivial_scores(tmp_path, [gone, older, cell()])) == ["tiny"]
    assert list(json.loads((tmp_path / TRIVIAL).read_text())) == ["tiny"]


def test_batches_are_no_larger_than_those_of_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(trivial_baseline, "scores", lambda _, __, size: sizes.append(size) or {})
    with registered("tiny"):
        trivial_baseline.renew(tmp_path, [cell(batch_size=2), cell(variant="large", batch_size=1000)])
    assert sizes == [2, trivial_baseline.BATCH]
