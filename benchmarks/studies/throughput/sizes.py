"""How large the models of suites are, and how much memory a forward pass keeps."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.records.record import Cell
from benchmarks.studies.throughput.options import ThroughputOptions, cells_of
from benchmarks.studies.throughput.rates import load
from benchmarks.training.batches import losses_of

BATCH = 100  # examples


class ModelSize(NamedTuple):
    """The size of a suite's model, in parameters and elements."""

    suite: str
    tasks: int
    shared: int  # parameters
    last: int  # of these in the encoder's last layer
    specific: int  # parameters of all heads
    representation: int  # elements of an example's shared representation
    saved: float  # bytes that a forward pass keeps for the backward pass, per example


def sizes(options: ThroughputOptions) -> list[ModelSize]:
    """The sizes of the suites whose rates are measured."""
    return [_size(cells_of(options.protocol, suite, options.methods[0], 1)[0]) for suite in options.suites]


def _size(cell: Cell) -> ModelSize:
    loaded = load(cell, torch.device("cpu"))
    suite, train = loaded.suite, loaded.splits.train
    model, batch = suite.build(cell.seed, cell.tasks), train.take(torch.arange(min(BATCH, len(train))))
    saved: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        features, outputs = model(batch.inputs)
        losses_of(suite.tasks, outputs, batch)
    return ModelSize(
        suite=cell.table,
        tasks=len(suite.tasks),
        shared=_count(model.shared_parameters()),
        last=_count(model.last_shared_parameters()),
        specific=_count(model.heads.parameters()),
        representation=prod(features.shape[1:]),
        saved=sum(saved.values()) / len(batch),
    )


def _count(parameters: Iterable[Tensor]) -> int:
    return sum(parameter.numel() for parameter in parameters)
