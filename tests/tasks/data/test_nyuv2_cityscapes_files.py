"""Folders of .npy files: which examples are read, and which labels are taken for classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from tasks.base import DataUnavailableError
from tasks.data.nyuv2_cityscapes_files import ImageSize, read
from tests.tasks.dense_files import scene, write_scenes

CLASSES = 13


def write_labels(folder: Path, *examples: object, dtype: DTypeLike = float) -> None:
    (folder / "label").mkdir()
    for number, labels in enumerate(examples):
        np.save(folder / "label" / f"{number}.npy", np.array(labels, dtype))


def labels_of(folder: Path, *examples: int) -> Tensor:
    return read(folder, ("label_13", "label"), "classes", examples, ImageSize(2, 2), CLASSES)


def test_maps_of_chosen_examples_are_read(tmp_path: Path) -> None:
    write_scenes(tmp_path, "label", CLASSES, (6, 1), (32, 64), normals=False)
    depths = read(tmp_path / "train", ("depth",), "distances", [5, 3], ImageSize(32, 64), CLASSES)
    assert np.array_equal(depths[1], scene(3, CLASSES, 32, 64).depth[..., 0].astype(np.float32))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "float16", "float32", "float64"])
def test_labels_of_every_type_are_the_same_classes(tmp_path: Path, dtype: str) -> None:
    write_labels(tmp_path, [[-1, 0], [7, 12]], dtype=dtype)
    labels = labels_of(tmp_path, 0)
    assert labels.dtype == torch.int8
    assert labels.tolist() == [[[-1, 0], [7, 12]]]


def test_labels_without_a_sign_are_classes_too(tmp_path: Path) -> None:
    write_labels(tmp_path, [[0, 1], [7, 12]], dtype=np.uint64)
    assert labels_of(tmp_path, 0).tolist() == [[[0, 1], [7, 12]]]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (256, "int16"),  # would be 0 as int8
        (260.0, "float32"),  # 4
        (255, "uint8"),  # -1
        (130, "uint8"),  # -126
        (2**64 - 1, "uint64"),
        (2**24 + 1, "int32"),
        (13, "int64"),
        (-2, "int8"),
        (1.5, "float64"),
        (-0.5, "float16"),
        (1e300, "float64"),
        (np.nan, "float32"),
        (np.inf, "float32"),
    ],
)
def test_what_is_no_class_is_named_as_it_is_in_the_file(tmp_path: Path, value: float, dtype: str) -> None:
    write_labels(tmp_path, [[0, 1], [2, 3]], [[0, 1], [value, 3]], dtype=dtype)
    message = f"1.npy has the class {np.array(value, dtype)} where whole numbers from -1 (none) to 12 were expected"
    with pytest.raises(DataUnavailableError) as caught:
        labels_of(tmp_path, 0, 1)
    assert message in str(caught.value)


def test_an_example_without_labels_is_read_and_a_split_without_them_is_refused(tmp_path: Path) -> None:
    nothing = [[-1, -1], [-1, -1]]
    write_labels(tmp_path, nothing, [[-1, -1], [-1, 3]], nothing)
    assert labels_of(tmp_path, 0, 1)[0].tolist() == nothing
    with pytest.raises(DataUnavailableError, match=r"label has no labelled pixel in any of 2 examples, 2.npy and on"):
        labels_of(tmp_path, 2, 0)
