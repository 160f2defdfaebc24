"""What one multi-task model and K single-task models take: counted, read from records, and timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.micro.timing import Effort, alternate
from benchmarks.records import SINGLE_TASK, Record
from benchmarks.scores import forward_seconds, forwards_per_step
from tasks.base import MultiTaskModel, Suite

FEWEST, MOST = 5, 500  # repetitions of a forward pass


class Parameters(NamedTuple):
    """Numbers of parameters, frozen ones included: they take room as well."""

    shared: int
    heads: int
    single: int  # of all K single-task models

    @property
    def ratio(self) -> float:
        """Of the multi-task model to the K single-task models."""
        return (self.shared + self.heads) / self.single


class Seconds(NamedTuple):
    """Of the multi-task model, and of all K single-task models one after the other."""

    multi: float
    single: float

    @property
    def ratio(self) -> float:
        """Of the former to the latter."""
        return self.multi / self.single


def parameters(suite: Suite) -> Parameters:
    """Count the parameters of a suite's models."""
    model, *single = _models(suite)
    return Parameters(_count(model.encoder), _count(model.heads), sum(map(_count, single)))


def training(records: Sequence[Record]) -> dict[str, Seconds]:
    """Time of all training steps of every multi-task row of one suite, beside that of all single-task trainings.

    The step of a row is measured in forward passes of its own runs, times the median forward pass of all rows, because
    a machine's speed drifts. Evaluation is no part of it. Rows without a finished run are left out.

    Returns:
        Nothing where a single-task baseline lacks a finished run.
    """
    done = [record for record in records if record.status == "done" and record.cost is not None]
    alone = [record for record in done if record.cell.row == SINGLE_TASK]
    multi = [record for record in done if record.cell.row != SINGLE_TASK]
    tasks = {record.cell.tasks for record in alone}
    if not multi or any((task,) not in tasks for task in multi[0].cell.tasks):
        return {}
    single = sum(median(map(_whole, [r for r in alone if r.cell.tasks == one])) for one in tasks)
    forward = forward_seconds(multi)
    by_row = {row: [r for r in multi if r.cell.row == row] for row in dict.fromkeys(r.cell.row for r in multi)}
    return {
        row: Seconds(median(map(_steps, runs)) * forwards_per_step(runs) * forward, single)
        for row, runs in by_row.items()
    }


def inference(suite: Suite, inputs: Mapping[str, Tensor], seconds: float) -> Seconds:
    """Median time of a forward pass for all tasks, on one thread, the two sides taking turns for about so long."""
    model, *single = _models(suite)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            sides = {"multi": lambda: model(inputs), "single": lambda: [one(inputs) for one in single]}
            found = alternate(sides, lambda: None, Effort(seconds, FEWEST, MOST))
    finally:
        torch.set_num_threads(threads)
    return Seconds(**found)


def _models(suite: Suite) -> list[MultiTaskModel]:
    """The multi-task model, then a model for each task."""
    names = [task.name for task in suite.tasks]
    return [suite.build(0, group).eval() for group in (names, *([name] for name in names))]


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _steps(record: Record) -> int:
    assert record.last is not None, "it is done"
    return record.last.step


def _whole(record: Record) -> float:
    assert record.cost is not None, "it is done"
    return _steps(record) * record.cost.step
