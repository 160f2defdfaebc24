"""One answer to every example: its scores are those that can be computed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.training import trivial_baseline
from tasks.base import MultiTaskModel, Split, Splits, Task
from tasks.scoring import binary
from tests.benchmarks.tiny_suite import Encoder, Tiny


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
