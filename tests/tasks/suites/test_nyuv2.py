"""NYUv2: reading folders of maps, holding out validation, training both backbones, and answering."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.nyuv2_cityscapes_files import ImageSize, resize_image, split
from tasks.suites.nyuv2 import Nyuv2
from tests.tasks.dense_files import scene, write_scenes
from tests.tasks.fitting import losses_before_and_after

SMALL = Nyuv2(height=32, width=64, channels=4)
TASKS = ["segmentation", "depth", "normals"]


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_scenes(folder / "nyuv2", "label", 13, (40, 4), (32, 64), normals=True)
    return folder


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(data / "nyuv2", tmp_path / "nyuv2"))


def test_maps_are_read_as_they_are_written(data: Path) -> None:
    train, validation, test = SMALL.load(data)
    assert [len(part) for part in (train, validation, test)] == [36, 4, 4]
    for part, row, number in ((train, 0, 0), (validation, 1, 14), (test, 2, 42)):
        image, label, depth, normal = scene(number, 13, 32, 64)
        assert np.array_equal(part.inputs["image"][row], np.moveaxis(image, -1, 0).astype(np.float32))
        assert np.array_equal(part.targets["segmentation"][row], label)
        assert np.array_equal(part.targets["depth"][row], depth[..., 0].astype(np.float32))
        assert np.array_equal(part.targets["normals"][row], np.moveaxis(normal, -1, 0).astype(np.float32))
    assert train.targets["segmentation"].dtype == torch.int8


def test_the_folder_of_the_data_set_will_do_as_the_data_folder(data: Path) -> None:
    inside, outside = SMALL.load(data / "nyuv2"), SMALL.load(data)
    assert torch.equal(inside.test.inputs["image"], outside.test.inputs["image"])


def test_maps_of_another_size_are_resized_without_inventing_values(data: Path) -> None:
    suite = Nyuv2(height=64, width=32)
    train = suite.load(data).train
    label = scene(0, 13, 32, 64).label
    assert train.inputs["image"].shape[2:] == (64, 32)
    assert 0 <= train.inputs["image"].min() < train.inputs["image"].max() <= 1
    assert np.array_equal(train.targets["segmentation"][0][::2], label[:, 1::2])  # of two pixels, that at the centre
    lengths = train.targets["normals"].norm(dim=1)
    assert ((lengths == 0) | ((lengths - 1).abs() < 1e-6)).all()


def test_shrinking_an_image_averages() -> None:
    image = torch.tensor([0.0, 1.0]).repeat(3, 64, 32)
    small = resize_image(image, ImageSize(32, 32))[:, :, 1:-1]  # what is at the rim has fewer neighbours
    torch.testing.assert_close(small, torch.full((3, 32, 30), 0.5))


def test_eighty_of_the_training_images_are_held_out_in_runs() -> None:
    train, validation = split(range(795))
    assert len(train) == 715
    assert sorted(train + validation) == list(range(795))
    assert [number for number in validation if number - 1 not in validation] == [80, 279, 477, 676]


def test_too_few_examples_to_hold_any_out_are_refused() -> None:
    with pytest.raises(DataUnavailableError, match="1 training examples are too few"):
        split([0])


@pytest.mark.parametrize("folder", [None, "empty"])
def test_absent_data_are_told_how_to_get(folder: str | None, tmp_path: Path) -> None:
    where = "--data or BALANCERS_DATA" if folder is None else "nyuv2"
    with pytest.raises(
        DataUnavailableError, match=rf"github.com/lorenmt/mtan .*train and val .*normal.* into .*{where}"
    ):
        SMALL.load(None if folder is None else tmp_path)


def _shorten(folder: Path) -> None:
    file = folder / "train" / "depth" / "3.npy"
    file.write_bytes(file.read_bytes()[:200])


def _flatten(folder: Path) -> None:
    np.save(folder / "val" / "normal" / "1.npy", np.zeros((32, 64)))


def _relabel(folder: Path) -> None:
    np.save(folder / "val" / "label" / "1.npy", np.full((32, 64), 13))


def _break(folder: Path) -> None:
    np.save(folder / "train" / "image" / "0.npy", np.full((32, 64, 3), np.nan))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_shorten, r"3.npy cannot be read"),
        (_flatten, r"1.npy has numbers of shape \(32, 64\); expected \(height, width, 3\)"),
        (_relabel, r"1.npy has the class 13 where .* -1 .* to 12"),
        (_break, "not finite"),
        (lambda folder: (folder / "train" / "normal" / "7.npy").unlink(), "normal lacks 7.npy"),
        (lambda folder: shutil.rmtree(folder / "val" / "depth"), "val lacks the folder depth"),
    ],
)
def test_damaged_data_are_named(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copy)
    with pytest.raises(DataUnavailableError, match=message):
        SMALL.load(copy)


def test_an_empty_part_is_named(copy: Path) -> None:
    for folder in (copy / "val").iterdir():
        shutil.rmtree(folder)
        folder.mkdir()
    with pytest.raises(DataUnavailableError, match=r"lacks 0.npy"):
        SMALL.load(copy)


@pytest.mark.parametrize("backbone", ["segnet", "resnet50"])
def test_both_backbones_train_even_on_a_single_image(data: Path, backbone: str) -> None:
    suite = registry.create("nyuv2", height=32, width=64, channels=4, backbone=backbone)
    batch = suite.load(data).train.take(slice(0, 1))
    model = suite.build(0, TASKS).train()
    features, outputs = model(batch.inputs)
    assert features.shape == ((1, 32, 64, 4) if backbone == "segnet" else (1, 4, 8, 128))
    assert [outputs[task].shape for task in TASKS] == [(1, 13, 32, 64), (1, 32, 64), (1, 3, 32, 64)]
    torch.testing.assert_close(outputs["normals"].norm(dim=1), torch.ones(1, 32, 64))
    torch.stack([task.loss(outputs[task.name], batch.targets[task.name]) for task in suite.tasks]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("backbone", "steps", "images"), [("segnet", 25, 8), ("resnet50", 8, 3)])
def test_every_task_is_learnt(data: Path, backbone: str, steps: int, images: int) -> None:
    suite = registry.create("nyuv2", height=32, width=32, channels=8, backbone=backbone)
    losses = losses_before_and_after(suite, suite.load(data).train.take(slice(0, images)), steps, 1e-2)
    assert all(after < 0.7 * before for before, after in losses.values()), losses


def test_an_image_is_answered_in_words(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)).save(tmp_path / "room.png")
    inputs = SMALL.read(str(tmp_path / "room.png"))
    assert inputs["image"].shape == (1, 3, 32, 64)
    assert 0 <= inputs["image"].min() <= inputs["image"].max() <= 1
    with torch.no_grad():
        sentences = SMALL.answers("", SMALL.build(0, TASKS).eval()(inputs)[1])
    assert list(sentences) == TASKS
    logits = torch.zeros(1, 13, 32, 64)
    logits[:, 4, :8], logits[:, 11, 8:] = 1, 1
    assert SMALL.answers("", {"segmentation": logits}) == {"segmentation": "wall 75%, floor 25%"}
    assert SMALL.answers("", {"depth": torch.full((1, 32, 64), 2.5)})["depth"].startswith("median 2.5 m")


@pytest.mark.parametrize(("name", "message"), [("none.png", "cannot be read"), ("text.png", "is not an image")])
def test_what_is_no_image_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "text.png").write_text("a room")
    with pytest.raises(ValueError, match=message):
        SMALL.read(str(tmp_path / name))


@pytest.mark.parametrize("options", [{"height": 100}, {"width": 0}, {"backbone": "vgg"}, {"channels": 0}])
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("nyuv2", **options)
