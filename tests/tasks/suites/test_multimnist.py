"""MultiMNIST: reading digits, splitting them, laying two on a canvas."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch

from tasks import registry
from tasks.base import DataUnavailableError
from tasks.data.mnist_files import Digits, find_mnist, parse_idx, read_mnist
from tasks.data.mnist_overlays import overlay, pairs_of
from tasks.data.mnist_splits import POOL, parse_csv, pools_of_5k, pools_of_full, read_5k
from tasks.suites.multimnist import MultiMnist
from tests.tasks.files import digits_table, write_mnist

UNEVEN = [0] * 12 + [1] * 18


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BALANCERS_DATA", raising=False)
    (tmp_path / "mnist_5k.csv.gz").write_bytes(digits_table(per_class=20))
    return tmp_path


def test_a_table_row_is_an_image_by_rows_and_its_class() -> None:
    pixels = ["7", *["0"] * 27, "9", *["0"] * 755]
    digits = parse_csv(gzip.compress((",".join([*pixels, "4"]) + "\n").encode()))
    assert digits.images.shape == (1, 28, 28)
    assert digits.images[0, 0, 0] == 7
    assert digits.images[0, 1, 0] == 9
    assert digits.labels.tolist() == [4]


def test_the_first_digit_lies_upper_left_the_second_lower_right_and_the_brighter_wins() -> None:
    left, right = torch.full((1, 28, 28), 100, dtype=torch.uint8), torch.full((1, 28, 28), 50, dtype=torch.uint8)
    right[0, 5, 5] = 200  # at (13, 13) of the canvas
    (canvas,) = overlay(left, right)
    assert canvas.shape == (36, 36)
    assert canvas[0, 0] == canvas[27, 27] == canvas[8, 8] == 100
    assert canvas[13, 13] == 200
    assert canvas[35, 35] == canvas[28, 10] == 50
    assert canvas[0, 30] == canvas[30, 0] == 0


def test_no_digit_is_in_two_splits_and_every_split_has_the_same_share_of_each_class() -> None:
    pools = pools_of_5k(parse_csv(digits_table(per_class=20)))
    assert [pool.labels.bincount().tolist() for pool in pools] == [[14] * 10, [3] * 10, [3] * 10]
    images = torch.cat([pool.images for pool in pools]).flatten(1)
    assert len(images.unique(dim=0)) == 200


def test_full_mnist_keeps_its_test_digits_for_the_test(tmp_path: Path) -> None:
    write_mnist(tmp_path, UNEVEN, [0, 1, 1])
    train, test = read_mnist(tmp_path)
    pools = pools_of_full(train, test, POOL)
    assert [len(pool.labels) for pool in pools] == [25, 5, 3]
    assert pools.validation.labels.bincount().tolist() == [2, 3]
    assert torch.equal(pools.test.images, test.images)


def test_pairs_join_two_different_digits_and_carry_their_classes() -> None:
    images = torch.zeros(5, 28, 28, dtype=torch.uint8)
    images[:, 0, 0] = torch.arange(5, dtype=torch.uint8) * 50 + 5  # the first pixel tells which digit it is
    split = pairs_of(Digits(images, torch.arange(5) + 3), 200, "train", MultiMnist.grey)
    grey = ((split.inputs["image"][:, 0] * 0.3081 + 0.1307) * 255).round()
    assert torch.equal((grey[:, 0, 0] - 5) / 50 + 3, split.targets["left"].float())
    assert torch.equal((grey[:, 8, 8] - 5) / 50 + 3, split.targets["right"].float())
    assert (split.targets["left"] != split.targets["right"]).all()


def test_loading_is_repeatable_and_has_the_sizes_asked_for(folder: Path) -> None:
    suite = registry.create("multimnist", train_pairs=40, other_pairs=10)
    splits, again = suite.load(folder), suite.load(folder)
    assert [len(split) for split in splits] == [40, 10, 10]
    assert splits.train.inputs["image"].shape == (40, 1, 36, 36)
    for one, other in zip(splits, again, strict=True):
        assert torch.equal(one.inputs["image"], other.inputs["image"])
        assert torch.equal(one.targets["left"], other.targets["left"])


def test_full_mnist_is_taken_where_it_is_present_unless_told_otherwise(folder: Path) -> None:
    write_mnist(folder / "mnist", UNEVEN, [0, 1, 1])
    for suite, classes in ((MultiMnist(), 2), (MultiMnist("full"), 2), (MultiMnist("5k"), 10)):
        assert len(suite.load(folder).test.targets["left"].unique()) == classes  # the files written here have two


def test_full_mnist_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(DataUnavailableError, match=r"put train-images-idx3-ubyte.gz, .* into .*" + folder.name):
        MultiMnist("full").load(folder)
    with pytest.raises(DataUnavailableError, match="--data or BALANCERS_DATA"):
        find_mnist(None, required=True)


def test_fashion_mnist_is_not_taken_for_mnist(tmp_path: Path) -> None:
    write_mnist(tmp_path, [0, 1] * 6, [0, 1])
    with pytest.raises(DataUnavailableError, match="Fashion-MNIST"):
        MultiMnist().load(tmp_path)


def test_damaged_files_are_named(folder: Path) -> None:
    (folder / "mnist_5k.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataUnavailableError, match="table of digits cannot be read"):
        MultiMnist().load(folder)
    (folder / "mnist_5k.csv.gz").write_bytes(gzip.compress(b"1,2,3\n"))
    with pytest.raises(DataUnavailableError, match="3 columns where 785"):
        MultiMnist().load(folder)
    write_mnist(folder / "mnist", UNEVEN, [0, 1, 1])
    (folder / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\1\0\0\0\5\1"))
    with pytest.raises(DataUnavailableError, match=r"t10k-labels-idx1-ubyte.gz cannot be read .*1 values follow"):
        MultiMnist().load(folder)


def test_an_idx_file_of_other_elements_is_refused() -> None:
    with pytest.raises(ValueError, match="does not begin as an idx file"):
        parse_idx(gzip.compress(b"\0\0\x0d\1\0\0\0\0"))


@pytest.mark.parametrize("options", [{"digits": "all"}, {"train_pairs": 0}])
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        registry.create("multimnist", **options)


@pytest.mark.network
def test_the_real_digits_are_five_thousand_in_ten_equal_classes() -> None:
    try:
        splits = MultiMnist("5k", train_pairs=500, other_pairs=100).load()
        pools = pools_of_5k(read_5k())
    except DataUnavailableError as error:
        pytest.skip(str(error))
    assert [len(pool.labels) for pool in pools] == [3500, 750, 750]
    assert torch.cat([pool.labels for pool in pools]).bincount().tolist() == [500] * 10
    assert splits.train.targets["right"].bincount().min() > 20
    assert abs(float(splits.train.inputs["image"].mean())) < 0.5
