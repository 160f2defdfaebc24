"""MultiFashion: reading garments, splitting them, and not taking digits for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.mnist_files import find_fashion_mnist, read_fashion_mnist
from tasks.suites.multifashion import MultiFashion
from tests.tasks.files import write_mnist

TRAIN, TEST = list(range(10)) * 12, list(range(10)) * 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)
    write_mnist(tmp_path / "fashion-mnist", TRAIN, TEST)
    return tmp_path


def test_the_files_are_found_in_the_folder_or_in_it_under_their_name(folder: Path) -> None:
    inside = folder / "fashion-mnist"
    assert find_fashion_mnist(folder) == find_fashion_mnist(inside) == inside


def test_no_garment_is_in_two_splits_and_classes_are_equal(folder: Path) -> None:
    pools = MultiFashion().pools(folder)
    assert [pool.labels.bincount().tolist() for pool in pools] == [[10] * 10, [2] * 10, [3] * 10]
    images = torch.cat([pool.images for pool in pools]).flatten(1)
    assert len(images.unique(dim=0)) == 150
    _, test = read_fashion_mnist(folder / "fashion-mnist")
    assert torch.equal(pools.test.images, test.images)


def test_pairs_are_as_many_as_asked_for_and_standardised(folder: Path) -> None:
    splits = registry.create("multifashion", train_pairs=200, other_pairs=50).load(folder)
    assert [len(split) for split in splits] == [200, 50, 50]
    image = splits.train.inputs["image"]
    assert image.shape == (200, 1, 36, 36)
    assert image.min() == pytest.approx(-0.2860 / 0.3530)
    assert image.max() == pytest.approx((1 - 0.2860) / 0.3530)
    assert splits.train.targets["left"].unique().tolist() == list(range(10))


def test_the_full_problem_has_two_pairs_for_every_garment() -> None:
    suite = MultiFashion()
    assert (suite.train_pairs, suite.other_pairs) == (2 * 50_000, 2 * 10_000)


def test_its_pairs_are_others_than_those_of_digits(folder: Path) -> None:
    """The same seeds would overlay the same positions in both suites."""
    write_mnist(folder / "mnist", [*TRAIN, 0], [*TEST, 0])
    options = {"train_pairs": 60, "other_pairs": 20}
    one = registry.create("multifashion", **options).load(folder).test.targets["left"]
    other = registry.create("multimnist", digits="full", **options).load(folder).test.targets["left"]
    assert not torch.equal(one, other)


def test_data_that_are_missing_or_of_another_kind_are_named(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataUnavailableError, match=r"put train-images-idx3-ubyte.gz, .* fashion-mnist in .*empty"):
        MultiFashion().load(empty)
    with pytest.raises(DataUnavailableError, match="--data or BALANCERS_DATA"):
        MultiFashion().load()
    write_mnist(empty, [0] * 12 + [1] * 18, TEST)
    with pytest.raises(DataUnavailableError, match="as MNIST does and Fashion-MNIST does not"):
        MultiFashion().load(empty)
    (folder / "fashion-mnist" / "train-labels-idx1-ubyte.gz").write_bytes(b"cut")
    with pytest.raises(DataUnavailableError, match=r"train-labels-idx1-ubyte.gz cannot be read"):
        MultiFashion().load(folder)


@pytest.mark.parametrize("options", [{"train_pairs": 0}, {"other_pairs": 0}])
def test_options_without_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="pairs must be at least 1"):
        registry.create("multifashion", **options)
