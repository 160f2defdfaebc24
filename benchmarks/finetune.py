"""Fine-tune a saved model on one of its tasks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn
from torch.optim import Optimizer

from benchmarks.evaluate import evaluate
from benchmarks.loop import batches_of, losses_of, make_optimizer, metric_facts, steps_per_epoch
from benchmarks.models import load_with_data, read_card, save
from benchmarks.records import Scalars
from benchmarks.select import selection_score
from tasks.base import MultiTaskModel, Split, Splits, Task, seeded


class Finetuning(NamedTuple):
    """How to fine-tune, with Adam. The epoch that is best on validation is kept; epoch 0 is the model as it was."""

    epochs: int = 5
    learning_rate: float = 1e-4
    batch_size: int = 128
    head_only: bool = False
    seed: int = 0


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
        DataUnavailableError: the data cannot be had here.
    """
    card = read_card(source)
    if task not in card.tasks:
        raise ValueError(f"the model in {source} has no head for {task!r}; it has {', '.join(card.tasks)}")
    (suite, model), splits = load_with_data(source, data)
    chosen = next(known for known in suite.tasks if known.name == task)
    before = evaluate(model, [chosen], splits.test)
    _fit(model, chosen, splits, how)
    part = "head only, " if how.head_only else ""
    line = f"{task} alone, {part}{how.epochs} epochs, learning rate {how.learning_rate:g}"
    save(destination, model, card.model_copy(update={"history": (*card.history, line)}))
    return Change(before, evaluate(model, [chosen], splits.test))


def _fit(model: MultiTaskModel, task: Task, splits: Splits, how: Finetuning) -> None:
    """Train, and leave the model in the state of the best epoch."""
    facts = {task.name: metric_facts(task)}
    trained = model.heads[task.name] if how.head_only else model
    optimizer = make_optimizer("adam", trained, how.learning_rate)
    own = splits.train.only([task.name])
    batches = batches_of(own, how.batch_size, how.seed)
    before = evaluate(model, [task], splits.validation)
    best_score, best_state = selection_score(before, before, facts), _copy(model)
    with seeded("noise", how.seed):
        for _ in range(how.epochs):
            model.eval()
            trained.train()  # of an encoder that stays as it is, neither dropout nor batch statistics are wanted
            for _ in range(steps_per_epoch(own, how.batch_size)):
                _step(model, task, next(batches), optimizer)
            score = selection_score(evaluate(model, [task], splits.validation), before, facts)
            if score < best_score:
                best_score, best_state = score, _copy(model)
    model.load_state_dict(best_state)
    model.eval()


def _step(model: MultiTaskModel, task: Task, batch: Split, optimizer: Optimizer) -> None:
    _, outputs = model(batch.inputs)
    optimizer.zero_grad()
    losses_of([task], outputs, batch)[task.name].backward()
    optimizer.step()


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}
