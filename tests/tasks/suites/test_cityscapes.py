"""Cityscapes: which labels are read, and what it is not taken for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.nyuv2_cityscapes_files import split
from tasks.suites.cityscapes import Cityscapes
from tests.tasks.dense_files import scene, write_scenes
from tests.tasks.fitting import losses_before_and_after

SMALL = Cityscapes(height=32, width=64, channels=8)


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)


@pytest.mark.parametrize(
    ("labels", "classes"), [("label_7", 7), ("label_19", 19), ("label", 7)], ids=["seven", "nineteen", "any"]
)
def test_the_labels_of_so_many_classes_are_read(tmp_path: Path, labels: str, classes: int) -> None:
    write_scenes(tmp_path, labels, classes, (40, 2), (32, 64), normals=False)
    suite = registry.create("cityscapes", height=32, width=64, classes=classes)
    test = suite.load(tmp_path).test
    assert list(test.targets) == [task.name for task in suite.tasks] == ["segmentation", "depth"]
    assert np.array_equal(test.targets["segmentation"][1], scene(41, classes, 32, 64).label)


def test_labels_of_other_classes_are_not_taken(tmp_path: Path) -> None:
    write_scenes(tmp_path, "label_19", 19, (40, 2), (32, 64), normals=False)
    with pytest.raises(DataUnavailableError, match="label_7 or label"):
        SMALL.load(tmp_path)
    (tmp_path / "train" / "label_19").rename(tmp_path / "train" / "label")
    (tmp_path / "val" / "label_19").rename(tmp_path / "val" / "label")
    with pytest.raises(DataUnavailableError, match=r"npy has the class \d+ where .* -1 .* to 6 .*; get labels of 7"):
        SMALL.load(tmp_path)


def test_nyuv2_is_not_taken_for_cityscapes(tmp_path: Path) -> None:
    write_scenes(tmp_path, "label", 13, (40, 2), (32, 64), normals=True)
    with pytest.raises(DataUnavailableError, match="cityscapes is not there"):
        SMALL.load(tmp_path)


def test_about_three_hundred_training_images_are_held_out() -> None:
    train, validation = split(range(2975))
    assert [len(train), len(validation)] == [2677, 298]


def test_every_task_is_learnt(tmp_path: Path) -> None:
    write_scenes(tmp_path, "label_7", 7, (40, 2), (32, 64), normals=False)
    losses = losses_before_and_after(SMALL, SMALL.load(tmp_path).train.take(slice(0, 8)), 50, 1e-2)
    assert all(after < 0.7 * before for before, after in losses.values()), losses


@pytest.mark.parametrize("options", [{"classes": 8}, {"height": 30}])
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("cityscapes", **options)
