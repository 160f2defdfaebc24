"""Fine-tune a saved model on one of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from benchmarks.records.record import MetricFact, Scalars
from benchmarks.training.batches import batches_of, losses_of, make_optimizer, metric_facts, steps_per_epoch
from benchmarks.training.checkpoint import Checkpoints, selected_step
from benchmarks.training.measuring.evaluate import evaluate
from benchmarks.training.saved_models import load_with_data, read_card, save
from tasks.base import MultiTaskModel, Split, Splits, Task, seeded


class Finetuning(NamedTuple):
    """How to fine-tune. The model of the epoch selected on validation is kept; epoch 0 is the model as it was."""

    epochs: int = 5
    learning_rate: float = 1e-4
    batch_size: int = 128
    head_only: bool = False
    seed: int = 0
    optimizer: str = "adam"


class Epoch(BaseModel):
    """The metrics of a task after an epoch; epoch 0 is the model as it was."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    validation: dict[str, float]
    test: dict[str, float]


class Change(NamedTuple):
    """The metrics of the fine-tuned task on the test split."""

    before: Scalars
    after: Scalars


DEFAULTS = Finetuning()


def finetune(
    source: Path, destination: Path, task: str, how: Finetuning = DEFAULTS, data: Path | None = None
) -> Change:
    """Fine-tune the model in ``source`` on one task alone and save it to ``destination``, with all its heads.

    ``how.head_only`` leaves the encoder, and with it all other tasks, exactly as they were.

    Raises:
        ValueError: the folder holds no usable model, or the model has no such task.
        DataUnavailableError: the data cannot be loaded.
    """
    card = read_card(source)
    if task not in card.tasks:
        raise ValueError(f"the model in {source} has no head for {task!r}; it has {', '.join(card.tasks)}")
    (suite, model), splits = load_with_data(source, data)
    trained = next(other for other in suite.tasks if other.name == task)
    before = evaluate(model, [trained], splits.test)
    _fit(model, trained, splits, how)
    part = "head only, " if how.head_only else ""
    line = f"{task} alone, {part}{how.epochs} epochs, learning rate {how.learning_rate:g}"
    save(destination, model, card.model_copy(update={"history": (*card.history, line)}))
    return Change(before, evaluate(model, [trained], splits.test))


def follow(model: MultiTaskModel, task: Task, splits: Splits, how: Finetuning) -> list[Epoch]:
    """Fine-tune a model in place, and return its metrics before the first epoch and after every epoch.

    The model is left in its last state; `best_within` selects an epoch. An epoch has as many steps as in the training
    of the suite's other models, also where the task has fewer examples than the suite.
    """
    epochs: list[Epoch] = []

    def add_epoch(_: int) -> None:
        validation, test = (evaluate(model, [task], split)[task.name] for split in (splits.validation, splits.test))
        epochs.append(Epoch(validation=validation, test=test))

    _train(model, task, splits.train, how, steps_per_epoch(splits.train, how.batch_size), add_epoch)
    return epochs


def best_within(epochs: Sequence[Epoch], metrics: Sequence[MetricFact], budget: int) -> int:
    """Which of the first ``budget`` epochs is selected on validation; 0 is the model as it was."""
    return selected_step(({"": epoch.validation} for epoch in epochs[: budget + 1]), {"": metrics})


def _fit(model: MultiTaskModel, task: Task, splits: Splits, how: Finetuning) -> None:
    """Train, and leave the model in the state of the selected epoch."""
    checkpoints = Checkpoints({task.name: metric_facts(task)})
    selected: dict[str, Tensor] = {}  # the first evaluation fills it

    def evaluate_and_keep(epoch: int) -> None:
        nonlocal selected
        if checkpoints.add(epoch, evaluate(model, [task], splits.validation)):
            selected = _copy(model)

    own = splits.train.only([task.name])
    _train(model, task, own, how, steps_per_epoch(own, how.batch_size), evaluate_and_keep)
    model.load_state_dict(selected)


def _train(
    model: MultiTaskModel, task: Task, split: Split, how: Finetuning, steps: int, after: Callable[[int], None]
) -> None:
    """Train for epochs of ``steps`` steps; ``after`` gets the number of epochs done, 0 before the first."""
    alone = _with_one_head(model, task.name)
    trained = alone.heads[task.name] if how.head_only else alone
    optimizer = make_optimizer(how.optimizer, trained, how.learning_rate)
    batches = batches_of(split.only([task.name]), how.batch_size, how.seed)
    model.eval()
    with seeded("noise", how.seed):
        after(0)
        for epoch in range(1, how.epochs + 1):
            trained.train()  # an encoder that stays as it is also keeps its batch statistics, and drops nothing
            for _ in range(steps):
                _step(alone, task, next(batches), optimizer)
            model.eval()
            after(epoch)


def _with_one_head(model: MultiTaskModel, task: str) -> MultiTaskModel:
    """The same modules without the heads of other tasks, which would only take time."""
    alone = MultiTaskModel(model.encoder, {task: model.heads[task]})
    alone.adapter = model.adapter
    return alone


def _step(model: MultiTaskModel, task: Task, batch: Split, optimizer: torch.optim.Optimizer) -> None:
    _, outputs = model(batch.inputs)
    optimizer.zero_grad()
    losses_of([task], outputs, batch)[task.name].backward()
    optimizer.step()


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}
