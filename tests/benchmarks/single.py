"""One cell trained alone, for tests."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.records.record import Cell, Record
from benchmarks.training.groups import train_group
from benchmarks.training.loaded import Loaded, Progress
from tasks.base import MultiTaskModel, Splits, Suite

CPU = torch.device("cpu")


def train(
    cell: Cell,
    suite: Suite,
    splits: Splits | None = None,
    progress: Progress | None = None,
    keep: Callable[[MultiTaskModel], None] | None = None,
) -> Record:
    """The record of a cell, trained on the suite's data or on others."""
    hand = None if keep is None else lambda _, model: keep(model)
    (record,) = train_group([cell], Loaded(suite, splits or suite.load(), CPU), progress, hand)
    return record
