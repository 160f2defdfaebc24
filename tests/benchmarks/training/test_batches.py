"""Batches of a training."""

from __future__ import annotations

import torch

from benchmarks.training.batches import batches_of
from tasks.base import Split


def test_every_epoch_holds_every_example_once_in_an_order_of_its_own() -> None:
    split = Split({"x": torch.arange(7)}, {})
    stream = batches_of(split, 3, seed=0)
    epochs = [[next(stream).inputs["x"] for _ in range(3)] for _ in range(2)]
    assert [len(batch) for batch in epochs[0]] == [3, 3, 1]
    first, second = (torch.cat(epoch).tolist() for epoch in epochs)
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second
