"""CelebA: its lists and pictures, its splits, training both networks, and answering."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.celeba_files import ATTRIBUTES
from tasks.suites.celeba import CelebA
from tests.tasks.celeba_files import picture, write_celeba
from tests.tasks.fitting import losses_before_and_after

SMALL = CelebA(side=16, channels=2)
SOME = ("Bald", "Male", "Bangs")


@pytest.fixture(autouse=True)
def _no_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_celeba(folder / "celeba", (24, 6, 10))
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small folder that a test may damage."""
    write_celeba(tmp_path, (3, 2, 1), official=False)
    return tmp_path


def test_pictures_and_attributes_are_read_as_they_are_written(data: Path) -> None:
    splits = CelebA(side=32).load(data)
    assert [len(split) for split in splits] == [24, 6, 10]
    for split, row, number in ((splits.train, 23, 23), (splits.validation, 0, 24), (splits.test, 9, 39)):
        colours, attributes = picture(number)
        image = split.inputs["image"][row]
        assert image.dtype == torch.uint8
        means = torch.from_numpy(colours).float().mean((0, 1))
        torch.testing.assert_close(image.float().mean((1, 2)), means, atol=3, rtol=0)
        assert [bool(split.targets[name][row]) for name in ATTRIBUTES] == attributes


def test_the_official_folders_are_not_needed(copy: Path) -> None:
    assert [len(split) for split in SMALL.load(copy)] == [3, 2, 1]


def test_there_are_forty_attributes_in_the_official_order() -> None:
    assert len(set(ATTRIBUTES)) == 40
    assert [task.name for task in CelebA().tasks] == list(ATTRIBUTES)


def test_a_part_is_a_part_of_every_split_and_the_same_every_time(data: Path) -> None:
    suite, whole = CelebA(side=16, images=20), SMALL.load(data)
    splits, again = suite.load(data), suite.load(data)
    assert [len(split) for split in splits] == [12, 3, 5]
    for split, other, full in zip(splits, again, whole, strict=True):
        assert torch.equal(split.inputs["image"], other.inputs["image"])
        rows = {row.numpy().tobytes() for row in full.inputs["image"]}
        assert {row.numpy().tobytes() for row in split.inputs["image"]} < rows


def test_only_chosen_attributes_are_tasks(data: Path) -> None:
    suite = CelebA(side=16, attributes=SOME)
    assert [task.name for task in suite.tasks] == list(suite.load(data).train.targets) == list(SOME)


@pytest.mark.parametrize("missing", ["img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"])
def test_what_is_absent_is_named_with_what_to_do(copy: Path, missing: str) -> None:
    (copy / missing).rename(copy / "elsewhere")
    with pytest.raises(
        DataUnavailableError, match=rf"CelebA's {missing} is not there: get .* and put them into .*celeba"
    ):
        SMALL.load(copy)
    with pytest.raises(DataUnavailableError, match="--data or BALANCERS_DATA"):
        SMALL.load()


def _edit(name: str, before: str, after: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(before, after, 1))


TABLE, PARTS = "list_attr_celeba.txt", "list_eval_partition.txt"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_edit(TABLE, "6\n", "7\n"), "says 7 and has 6 pictures"),
        (_edit(TABLE, "Bald", "Blond"), "does not name CelebA's 40 attributes"),
        (_edit(TABLE, "000001.jpg ", "000001.jpg 0"), "line of 000001.jpg is not a name and 40 times"),
        (_edit(TABLE, "000001.jpg ", "000001.jpg 1 "), "line of 000001.jpg is not a name and 40 times"),
        (_edit(PARTS, "000003.jpg 0", "000003.jpg 3"), "line of 000003.jpg is not a name and 0, 1 or 2"),
        (_edit(PARTS, "000003.jpg 0\n", ""), "no line for 000003.jpg"),
        (_edit(PARTS, "000006.jpg 2", "000006.jpg 1"), "leaves one of its three parts empty"),
        (lambda folder: (folder / TABLE).write_bytes(b"\xff\xfe"), "list_attr_celeba.txt cannot be read"),
        (lambda folder: (folder / TABLE).write_bytes(b""), "says nothing and has 0 pictures"),
        (lambda folder: (folder / "img_align_celeba" / "000002.jpg").unlink(), r"missing or damaged .*000002.jpg"),
        (lambda folder: (folder / "img_align_celeba" / "000002.jpg").write_bytes(b"\xff\xd8"), r"damaged .*000002.jpg"),
    ],
)
def test_damaged_data_are_named(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copy)
    with pytest.raises(DataUnavailableError, match=message):
        SMALL.load(copy)


@pytest.mark.parametrize("encoder", ["cnn", "resnet18"])
def test_both_networks_train_even_on_a_single_picture(data: Path, encoder: str) -> None:
    suite = registry.create("celeba", encoder=encoder, side=33, channels=4, attributes=SOME)
    batch = suite.load(data).train.take(slice(0, 1))
    model = suite.build(0, SOME).train()
    features, outputs = model(batch.inputs)
    assert features.shape == (1, 32)
    assert all(output.shape == (1,) for output in outputs.values())
    torch.stack([task.loss(outputs[task.name], batch.targets[task.name]) for task in suite.tasks]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert len({id(p) for p in model.last_shared_parameters()}) > 0


@pytest.mark.parametrize(("encoder", "side"), [("cnn", 24), ("resnet18", 36)])
def test_every_task_is_learnt(data: Path, encoder: str, side: int) -> None:
    suite = registry.create("celeba", encoder=encoder, side=side, channels=4)
    losses = losses_before_and_after(suite, suite.load(data).train, 25, 1e-2)
    assert len(losses) == 40
    assert all(after < 0.7 * before for before, after in losses.values()), losses


def test_a_picture_is_answered_with_yes_or_no(data: Path) -> None:
    inputs = SMALL.read(str(data / "celeba" / "Img" / "img_align_celeba" / "000001.jpg"))
    assert torch.equal(inputs["image"][0], SMALL.load(data).train.inputs["image"][0])
    sentences = SMALL.answers("", {"Bald": torch.tensor([-2.0]), "Male": torch.tensor([2.0])})
    assert sentences == {"Bald": "no (12%)", "Male": "yes (88%)"}


def test_what_is_no_picture_is_refused(data: Path) -> None:
    with pytest.raises(ValueError, match="is not an image"):
        SMALL.read(str(data / "celeba" / "Anno" / TABLE))


@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "vgg"},
        {"images": 3},
        {"attributes": ["Beard", "Male"]},
        {"attributes": ["Male"]},
        {"attributes": ["Male", "Male"]},
        {"side": 8},
        {"side": 20, "encoder": "resnet18"},
        {"channels": 0},
    ],
)
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        registry.create("celeba", **options)
