"""Parameters of one multi-task model and of K single-task models, counted, and their times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.analysis.scores import forwards_per_step
from benchmarks.records.record import SINGLE_TASK, Cell, Record
from benchmarks.studies.timing import Effort, alternate, one_thread
from benchmarks.training.batches import batches_of, losses_of, make_optimizer
from tasks.base import MultiTaskModel, Split, Suite, seeded

Tasks = tuple[str, ...]
FEWEST, MOST = 5, 500  # repetitions of a pass or a step
TINY = 1e-9  # learning rate of steps that are timed alone


class Parameters(NamedTuple):
    """Numbers of parameters, frozen ones included: they take room as well."""

    shared: int
    heads: int
    single: int  # of all K single-task models

    @property
    def ratio(self) -> float:
        """Parameters of the multi-task model divided by those of all K single-task models."""
        return (self.shared + self.heads) / self.single


class Seconds(NamedTuple):
    """Seconds of the multi-task model, and of all K single-task models one after the other."""

    multi: float
    single: float

    @property
    def ratio(self) -> float:
        """Multi-task seconds divided by single-task seconds."""
        return self.multi / self.single


def parameters(suite: Suite) -> Parameters:
    """Count the parameters of a suite's models."""
    model, *single = _models(suite)
    return Parameters(_count(model.encoder), _count(model.heads), sum(map(_count, single)))


def step_seconds(suite: Suite, train: Split, cell: Cell, seconds: float) -> dict[Tasks, float]:
    """Median time of a plain training step of every model, by its tasks, on one thread and taking turns.

    A step is a forward pass, the sum of the losses, a backward pass and a step of the optimizer, always on the same
    batch, whose size and optimizer are those of ``cell``.
    """
    models = {str(tuple(model.heads)): model.train() for model in _models(suite)}
    steps = {name: _step(suite, model, train, cell) for name, model in models.items()}
    with one_thread(), seeded("noise", 0):
        medians = alternate(steps, lambda: None, Effort(seconds, FEWEST, MOST))
    return {tuple(models[name].heads): median for name, median in medians.items()}


def training(records: Sequence[Record], equal: str, step: Mapping[Tasks, float]) -> dict[str, Seconds]:
    """Time of all training steps of every multi-task row of one suite, beside that of all single-task trainings.

    How many steps there were and how much more than one with ``equal`` weights a method's step costs is read from
    records, the latter in forward passes of the same run; what a plain step takes is ``step``, by tasks. Evaluation is
    no part of it. Rows without a finished run are left out.

    Returns:
        Nothing where equal weights or a single-task baseline lack a finished run.
    """
    done = [record for record in records if record.status == "done" and record.cost is not None]
    alone = {tasks: [r for r in done if r.cell.tasks == tasks and r.cell.row == SINGLE_TASK] for tasks in step}
    rows = {r.cell.row: [s for s in done if s.cell.row == r.cell.row] for r in done if r.cell.row != SINGLE_TASK}
    together = max(step, key=len)
    if equal not in rows or not all(runs for tasks, runs in alone.items() if len(tasks) == 1):
        return {}
    single = sum(median(map(_steps, runs)) * step[tasks] for tasks, runs in alone.items() if len(tasks) == 1)
    plain = forwards_per_step(rows[equal])
    return {
        row: Seconds(median(map(_steps, runs)) * step[together] * forwards_per_step(runs) / plain, single)
        for row, runs in rows.items()
    }


def inference(suite: Suite, inputs: Mapping[str, Tensor], seconds: float) -> Seconds:
    """Median time of a forward pass for all tasks, on one thread, the two sides taking turns for about so long."""
    model, *single = _models(suite)
    with one_thread(), torch.inference_mode():
        sides = {"multi": lambda: model(inputs), "single": lambda: [one(inputs) for one in single]}
        return Seconds(**alternate(sides, lambda: None, Effort(seconds, FEWEST, MOST)))


def _step(suite: Suite, model: MultiTaskModel, train: Split, cell: Cell) -> Callable[[], None]:
    """A training step of a model on the first batch that it would see."""
    tasks = [task for task in suite.tasks if task.name in model.heads]
    batch = next(batches_of(train.only([task.name for task in tasks]), cell.batch_size, 0))
    optimizer = make_optimizer(cell.optimizer, model, TINY)

    def step() -> None:
        _, outputs = model(batch.inputs)
        optimizer.zero_grad()
        torch.stack(list(losses_of(tasks, outputs, batch).values())).sum().backward()
        optimizer.step()

    return step


def _models(suite: Suite) -> list[MultiTaskModel]:
    """The multi-task model, then a model for each task."""
    names = [task.name for task in suite.tasks]
    return [suite.build(0, group).eval() for group in (names, *([name] for name in names))]


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _steps(record: Record) -> int:
    assert record.last is not None, "it is done"
    return record.last.step
