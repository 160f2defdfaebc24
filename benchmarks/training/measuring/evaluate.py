"""Evaluation between training steps: metrics on a split, and norms and cosines of the task gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import NamedTuple

import torch
from torch import nn

from balancers import measure
from benchmarks.records.record import Scalars
from benchmarks.training.batches import losses_of, pairs_with_target
from tasks.base import MultiTaskModel, Split, Task

EVALUATION_BATCH = 256  # examples at a time, small enough for a transformer in a few GB
EVALUATION_BYTES = 2**24  # of inputs at a time: the features of an image are dozens of times as large as the image


class Geometry(NamedTuple):
    """The task gradients at all shared parameters: their norm by task, and their cosine by pair "a|b"."""

    norms: dict[str, float]
    cosines: dict[str, float]


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Run a block with ``model`` in evaluation mode, then restore its mode."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def evaluation_batches(split: Split) -> Iterator[Split]:
    """All examples in order, as many at a time as fit in memory with their features."""
    example = sum(values[:1].numel() * values.element_size() for values in split.inputs.values())
    return split.batches(max(1, min(EVALUATION_BATCH, EVALUATION_BYTES // max(example, 1))))


def evaluate(model: MultiTaskModel, tasks: Sequence[Task], split: Split) -> Scalars:
    """All metrics of ``tasks`` on a split, accumulated batch by batch."""
    collected: dict[tuple[str, str], list[torch.Tensor]] = {}
    with torch.no_grad(), evaluation_mode(model):
        for batch in evaluation_batches(split):
            _, outputs = model(batch.inputs)
            for task in tasks:
                for metric in task.metrics:
                    part = metric.collect(*pairs_with_target(batch, task, outputs))
                    collected.setdefault((task.name, metric.name), []).append(part)
    return {task.name: {m.name: m.of(collected[task.name, m.name]) for m in task.metrics} for task in tasks}


def geometry(model: MultiTaskModel, tasks: Sequence[Task], batch: Split) -> Geometry:
    """Norms and cosines of the task gradients on one batch.

    The model is in evaluation mode meanwhile: dropout would add noise of its own to the cosines, and batch-norm
    statistics must not see the batch. No ``.grad`` is touched.
    """
    with evaluation_mode(model):
        _, outputs = model(batch.inputs)
        losses = losses_of(tasks, outputs, batch)
        evidence = measure(losses, model.shared_parameters())
    names = [task.name for task in tasks]
    cosines = evidence.cosines.tolist()
    pairs = combinations(range(len(names)), 2)
    return Geometry(
        norms=dict(zip(names, evidence.norms.tolist(), strict=True)),
        cosines={f"{names[i]}|{names[j]}": cosines[i][j] for i, j in pairs},
    )
