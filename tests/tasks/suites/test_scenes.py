"""Scenes: laying objects out and drawing them, their boxes and masks, splits, garments, a picture of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tasks import registry
from tasks.base import DataUnavailableError, Splits
from tasks.data.mnist_files import GARMENTS, Digits
from tasks.data.mnist_splits import parse_csv
from tasks.data.scenes_composing import OVERLAP, Layout, compose, extents, lay_out
from tasks.scoring.segmentation import pixel_loss
from tasks.suites.scenes import Scenes
from tests.tasks.files import digits_table, write_idx, write_mnist

TASKS = ["detection", "segmentation", "classification"]
EVEN = list(range(10)) * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("scenes")
    (written / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))
    return written


@pytest.fixture(scope="module")
def splits(folder: Path) -> Splits:
    return Scenes(side=48, train_scenes=60, other_scenes=12).load(folder)


def blocks() -> Digits:
    """Ten pictures of bright blocks of different shapes, of classes 0 to 9."""
    images = torch.zeros(10, 28, 28, dtype=torch.uint8)
    for number in range(10):
        images[number, 4 : 14 + number, 6 : 24 - number] = 200 + number
    return Digits(images, torch.arange(10))


def test_the_extent_of_an_image_is_that_of_its_ink() -> None:
    images = torch.zeros(2, 28, 28, dtype=torch.uint8)
    images[0, 3:9, 5] = 100
    images[0, 20, 20] = 99
    images[1, 27, 27] = 255
    assert extents(images, 100).tolist() == [[5, 3, 6, 9], [27, 27, 28, 28]]


@pytest.mark.parametrize("most", [1, 4])
def test_objects_lie_on_the_canvas_have_their_sizes_and_leave_each_other_room(most: int) -> None:
    windows = extents(blocks().images, 77)
    plan = lay_out(windows, 400, 64, most, torch.Generator().manual_seed(0))
    begin, end = plan.corner, plan.corner + plan.size
    assert (begin >= 0).all()
    assert (end[plan.occupied] <= 64).all()
    assert plan.occupied[:, 0].all()
    assert plan.occupied.sum(1).bincount(minlength=most + 1)[1:].min() > 400 / most / 3
    longer = plan.size.amax(-1)
    assert 0.3 * 64 - 1 <= longer[:, 0].min() < 22
    assert 30 < longer[:, 0].max() <= 0.5 * 64 + 1
    if most == 1:
        return
    assert longer[:, 1:][plan.occupied[:, 1:]].min() < 15
    assert (longer[:, 1:] <= 0.8 * longer[:, :1] + 1).all()
    for one in range(most):
        for other in range(one):
            both = plan.occupied[:, one] & plan.occupied[:, other]
            common = (torch.minimum(end[:, one], end[:, other]) - torch.maximum(begin[:, one], begin[:, other])).clamp(
                0
            )
            smaller = torch.minimum(plan.size[:, one].prod(-1), plan.size[:, other].prod(-1))
            assert (common.prod(-1)[both] <= OVERLAP * smaller[both]).all()


def plan_of(*objects: tuple[int, int, int, int, int], occupied: list[bool] | None = None) -> Layout:
    chosen, left, top, width, height = torch.tensor(objects).T[:, None]
    shown = torch.tensor([occupied or [True] * len(objects)])
    return Layout(chosen, torch.stack([left, top], -1), torch.stack([width, height], -1), shown)


def test_a_picture_in_its_own_size_is_copied_to_its_place() -> None:
    pool = blocks()
    scenes = compose(pool, plan_of((3, 20, 30, 15, 13), (5, 0, 0, 13, 15), occupied=[True, False]), 64, 77)
    expected = torch.zeros(64, 64, dtype=torch.uint8)
    expected[30:43, 20:35] = 203
    assert torch.equal(scenes.images[0], expected)
    assert torch.equal(scenes.classes[0], (expected > 0) * torch.tensor(4, dtype=torch.uint8))
    assert scenes.boxes[0].tolist() == [[20, 30, 35, 43, 3], [-100] * 5]
    assert scenes.largest.tolist() == [3]


def test_a_stretched_picture_fills_its_place() -> None:
    scenes = compose(blocks(), plan_of((0, 2, 5, 40, 31), (9, 50, 40, 6, 20)), 64, 77)
    assert scenes.boxes[0].tolist() == [[2, 5, 42, 36, 0], [50, 40, 56, 60, 9]]
    assert (scenes.images[0, 7:34, 4:40] == 200).all()
    assert (scenes.classes[0, 40:60, 50:56] == 10).all()


def test_the_brighter_object_is_in_front_and_a_box_holds_what_is_seen() -> None:
    scenes = compose(blocks(), plan_of((0, 10, 10, 20, 20), (9, 25, 0, 20, 40)), 64, 77)
    assert (scenes.classes[0, 12:28, 27:30] == 10).all()
    # One column of the darker block is seen beyond the edge of the other, whose first column fades out.
    assert scenes.boxes[0].tolist() == [[10, 10, 26, 30, 0], [25, 0, 45, 40, 9]]


def test_an_object_that_is_not_seen_at_all_has_no_box() -> None:
    scenes = compose(blocks(), plan_of((9, 10, 10, 20, 20), (0, 12, 12, 5, 5)), 64, 77)
    assert scenes.boxes[0, 1].tolist() == [-100] * 5


def test_boxes_masks_and_the_largest_class_agree(splits: Splits) -> None:
    for split in splits:
        for boxes, classes, largest in zip(
            *(split.targets[task] for task in ("detection", "segmentation", "classification")), strict=True
        ):
            objects = boxes[boxes[:, 4] >= 0]
            assert set((objects[:, 4] + 1).tolist()) == set(classes.unique().tolist()) - {0}
            assert objects[0, 4] == largest
            covered = torch.zeros_like(classes, dtype=torch.bool)
            for left, top, right, bottom, label in objects.int().tolist():
                inside = classes[top:bottom, left:right] == label + 1
                assert inside.any(0)[[0, -1]].all()  # the outer columns and rows show the object
                assert inside.any(1)[[0, -1]].all()
                covered[top:bottom, left:right] = True
            assert (classes[~covered] == 0).all()


def test_no_picture_is_in_two_splits(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    pools: list[set[bytes]] = []

    def noting(pool: Digits, *arguments: object) -> object:
        pools.append({image.numpy().tobytes() for image in pool.images})
        return compose(pool, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr("tasks.suites.scenes.compose", noting)
    Scenes(train_scenes=4, other_scenes=4).load(folder)
    assert [len(pool) for pool in pools] == [140, 30, 30]
    assert len(set.union(*pools)) == 200


def test_heads_answer_for_cells_pixels_and_the_image(splits: Splits) -> None:
    model = Scenes(side=48).build(0, TASKS)
    features, outputs = model(splits.train.take(slice(0, 5)).inputs)
    assert features.shape == (5, 24, 24, 32)
    shapes = [tuple(outputs[task].shape) for task in TASKS]
    assert shapes == [(5, 12, 12, 14), (5, 11, 48, 48), (5, 10)]
    assert outputs["detection"][..., :10].sigmoid().max() < 0.2


def test_the_loss_of_pixels_counts_the_background_a_tenth() -> None:
    outputs = torch.randn(1, 11, 1, 3, generator=torch.Generator().manual_seed(0))
    losses = -outputs.log_softmax(1)[0, [0, 4, 0], 0, [0, 1, 2]]
    expected = (0.1 * losses[0] + losses[1] + 0.1 * losses[2]) / 1.2
    torch.testing.assert_close(pixel_loss(outputs, torch.tensor([[[0, 4, 0]]], dtype=torch.uint8)), expected)


def test_training_lowers_every_loss(splits: Splits) -> None:
    suite = Scenes(side=48)
    model = suite.build(0, TASKS)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    batch = splits.train.take(slice(0, 8))
    losses_by_step = []
    for _ in range(25):
        _, outputs = model(batch.inputs)
        losses = torch.stack([task.loss(outputs[task.name], batch.targets[task.name]) for task in suite.tasks])
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        losses_by_step.append(losses.detach())
    assert (losses_by_step[-1] < 0.8 * losses_by_step[0]).all()


def test_garments_come_from_the_data_folder_or_from_one_of_their_name(tmp_path: Path) -> None:
    write_mnist(tmp_path / "fashion-mnist", EVEN, EVEN[:10])
    options = {"objects": "garments", "side": 32, "train_scenes": 6, "other_scenes": 3}
    suite = registry.create("scenes", **options)
    splits = suite.load(tmp_path)
    assert [len(split) for split in splits] == [6, 3, 3]
    inside = suite.load(tmp_path / "fashion-mnist")
    assert torch.equal(splits.test.inputs["image"], inside.test.inputs["image"])


def test_garments_that_are_not_there_damaged_or_digits_are_named(tmp_path: Path) -> None:
    suite = Scenes("garments", train_scenes=1, other_scenes=1)
    with pytest.raises(DataUnavailableError, match="--data or BALANCERS_DATA"):
        suite.load()
    with pytest.raises(DataUnavailableError, match=r"put train-images-idx3-ubyte.gz, .* fashion-mnist in"):
        suite.load(tmp_path)
    write_mnist(tmp_path, [0] * 12 + [1] * 18, [0, 1, 1])
    with pytest.raises(DataUnavailableError, match="more training images of some classes than of others"):
        suite.load(tmp_path)
    write_mnist(tmp_path, EVEN, EVEN)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.zeros(3))
    with pytest.raises(DataUnavailableError, match=r"images of shape \(120, 28, 28\) and labels of shape \(3,\)"):
        suite.load(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(DataUnavailableError, match=r"t10k-labels-idx1-ubyte.gz cannot be read"):
        suite.load(tmp_path)


def test_a_picture_of_ones_own_is_answered_in_words(tmp_path: Path) -> None:
    grey = np.zeros((40, 64), np.uint8)
    grey[5:25, 10:22] = 255
    Image.fromarray(grey).convert("RGB").save(tmp_path / "own.png")
    suite = Scenes()
    inputs = suite.read(str(tmp_path / "own.png"))
    assert torch.equal(inputs["image"], torch.from_numpy(grey)[None, None])
    with torch.no_grad():
        _, outputs = suite.build(0, TASKS).eval()(inputs)
    assert list(suite.answers("", outputs)) == TASKS

    boxes = torch.full((1, 10, 16, 14), -9.0)
    boxes[..., -4:] = 0
    boxes[0, 3, 4, 7] = 3.0
    pixels = torch.zeros(1, 11, 40, 64)
    pixels[:, 0] = 1
    pixels[:, 8, 5:25, 10:22] = 2
    largest = torch.zeros(1, 10)
    largest[0, 7] = 9
    outputs_by_task = dict(zip(TASKS, (boxes, pixels, largest), strict=True))
    assert suite.answers("", outputs_by_task) == {
        "detection": "7 (95%) at 8, 4, 28, 24",
        "segmentation": "background 90.6%, 7 9.4%",
        "classification": "7 (100%)",
    }
    assert Scenes("garments").answers("", outputs_by_task)["classification"] == f"{GARMENTS[7]} (100%)"
    assert suite.answers("", {"detection": boxes - 9})["detection"] == "nothing"


def test_a_file_that_is_no_such_picture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.png"
    with pytest.raises(ValueError, match=r"own.png cannot be read \(No such file"):
        Scenes().read(str(file))
    file.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"own.png is not an image"):
        Scenes().read(str(file))
    Image.fromarray(np.zeros((33, 64), np.uint8)).save(file)
    with pytest.raises(ValueError, match="64×33 pixels; both sides must be multiples of 8"):
        Scenes().read(str(file))


@pytest.mark.parametrize(
    "options", [{"objects": "cats"}, {"side": 50}, {"side": 16}, {"most": 0}, {"most": 9}, {"other_scenes": 0}]
)
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        registry.create("scenes", **options)


def test_pixels_of_little_ink_belong_to_the_background() -> None:
    digits = parse_csv(digits_table(per_class=1))
    plan = lay_out(extents(digits.images, 77), 5, 32, 2, torch.Generator().manual_seed(1))
    scenes = compose(digits, plan, 32, 77)
    assert torch.equal(scenes.classes > 0, scenes.images >= 77)
