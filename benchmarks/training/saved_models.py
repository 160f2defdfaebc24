"""Trained models on disk: save, load, and predict for all tasks."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor

from balancers import Balancer
from benchmarks.records.record import Cell
from benchmarks.records.store import write_atomically
from benchmarks.records.versions import version_of
from benchmarks.training.measuring.evaluate import evaluation_batches
from tasks import registry
from tasks.base import MultiTaskModel, Split, Splits, Suite, Task
from tasks.data.sources import looking_in

WEIGHTS = "model.safetensors"
CARD = "model.json"


class AdapterFacts(BaseModel):
    """The balancer whose adapter stands between encoder and heads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    balancer: str
    hyperparameters: dict[str, Any]


class Card(BaseModel):
    """The facts beside the weights that are needed to build a saved model again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    suite: str
    suite_version: int | str
    suite_options: dict[str, Any]
    tasks: tuple[str, ...]
    adapter: AdapterFacts | None = None
    history: tuple[str, ...]  # how it was trained, oldest first

    @classmethod
    def of(cls, cell: Cell, model: MultiTaskModel) -> Card:
        """The card of a model that ``cell`` trained."""
        adapter = AdapterFacts(balancer=cell.balancer, hyperparameters=cell.hyperparameters)
        return cls(
            suite=cell.suite,
            suite_version=cell.suite_version,
            suite_options=cell.suite_options,
            tasks=cell.tasks,
            adapter=None if model.adapter is None else adapter,
            history=(f"{cell.row}, seed {cell.seed}, learning rate {cell.learning_rate:g}, run {cell.id}",),
        )


class Saved(NamedTuple):
    """A model from disk, in evaluation mode on the CPU, with the suite that it belongs to."""

    suite: Suite
    model: MultiTaskModel

    @property
    def tasks(self) -> list[Task]:
        """The tasks that the model has heads for."""
        return [task for task in self.suite.tasks if task.name in self.model.heads]


def save(folder: Path, model: MultiTaskModel, card: Card) -> None:
    """Write a model and its card. Earlier files are replaced only once the new ones are complete.

    Raises:
        ValueError: the folder cannot be written.
    """
    temporary = folder / f".{WEIGHTS}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_model(model, str(temporary))
        temporary.replace(folder / WEIGHTS)
        write_atomically(folder / CARD, card.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ValueError(
            f"the model cannot be written to {folder} ({error.strerror}); choose another folder"
        ) from error


def load(folder: Path) -> Saved:
    """The model in ``folder`` and its suite.

    Raises:
        ValueError: a file is missing or damaged, or the model does not fit today's suite.
        DataUnavailableError: the suite needs pretrained weights, which cannot be loaded.
    """
    card = read_card(folder)
    suite = suite_of(card)
    return Saved(suite, restore(folder, suite, card))


def load_with_data(folder: Path, data: Path | None = None) -> tuple[Saved, Splits]:
    """The model in ``folder`` with the data of its suite; data and pretrained weights are looked for in ``data`` first.

    Raises:
        ValueError: as for `load`.
        DataUnavailableError: the data cannot be loaded.
    """
    card = read_card(folder)
    suite = suite_of(card)
    splits = suite.load(data)  # first: a suite remembers where its pretrained weights are
    return Saved(suite, restore(folder, suite, card)), splits


def read_card(folder: Path) -> Card:
    """The card in ``folder``.

    Raises:
        ValueError: a file is missing, or the card is damaged.
    """
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} has no {name}; expected a folder that `run --save-models` or `finetune` wrote")
    try:
        return Card.model_validate_json((folder / CARD).read_bytes())
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{folder / CARD} is damaged: {where} {problem['msg']}") from None


def suite_of(card: Card) -> Suite:
    """The suite that a model belongs to.

    Raises:
        ValueError: there is no such suite or option, or the suite has another version today.
    """
    suite = registry.create(card.suite, **card.suite_options)
    if version_of(suite) != card.suite_version:
        raise ValueError(
            f"the model is for {card.suite!r} version {card.suite_version}, and the suite is now version "
            f"{version_of(suite)}: train it again, or use the commit that it was trained with"
        )
    return suite


def restore(folder: Path, suite: Suite, card: Card) -> MultiTaskModel:
    """The model of a card with the weights in ``folder``, in evaluation mode on the CPU.

    Raises:
        ValueError: the weights are damaged, or are those of another model.
    """
    model = suite.build(0, card.tasks)
    if card.adapter is not None:
        model.adapter = Balancer(card.adapter.balancer, card.tasks, **card.adapter.hyperparameters)
    try:
        load_model(model, folder / WEIGHTS)
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged: {error}") from error
    except RuntimeError as error:
        raise ValueError(f"{folder / WEIGHTS} does not fit the model of {card.suite!r}: {error}") from error
    return model.eval()


def split_of(splits: Splits, name: str) -> Split:
    """The split that is called ``name``.

    Raises:
        ValueError: there is no such split.
    """
    if name not in splits._fields:
        raise ValueError(f"there is no split {name!r}; expected one of {', '.join(splits._fields)}")
    return getattr(splits, name)


def predict(folder: Path, examples: str | Mapping[str, Tensor] = "test", data: Path | None = None) -> dict[str, Tensor]:
    """The outputs of all heads, by task, for a split of the model's suite or for other inputs of the encoder.

    Raises:
        ValueError: the folder holds no usable model, or there is no such split.
        DataUnavailableError: the data cannot be loaded.
    """
    if not isinstance(examples, str):
        return outputs_of(load(folder).model, examples)
    saved, splits = load_with_data(folder, data)
    return outputs_of(saved.model, split_of(splits, examples).inputs)


def answer(folder: Path, example: str, data: Path | None = None) -> dict[str, str]:
    """The answers of the model in ``folder``, by task and in words, for an example: a text, or the name of a file.

    Pretrained weights, of suites that need some, are looked for in the folder ``data`` first.

    Raises:
        ValueError: the folder holds no usable model, or its suite cannot read the example.
        DataUnavailableError: the suite needs pretrained weights, which cannot be loaded.
    """
    with looking_in(data):
        saved = load(folder)
        answers = saved.suite.answers(example, outputs_of(saved.model, saved.suite.read(example)))
    return {task.name: answers[task.name] for task in saved.tasks}


def outputs_of(model: MultiTaskModel, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of all heads, by task, batch by batch."""
    with torch.no_grad():
        parts = [model(batch.inputs)[1] for batch in evaluation_batches(Split(inputs, {}))]
    return {task: torch.cat([part[task] for part in parts]) for task in parts[0]}


def write_predictions(path: Path, outputs: Mapping[str, Tensor], examples: Split) -> None:
    """Write a CSV file with one line per example: for every task its outputs and its target, flattened.

    The target is empty where an example has none.

    Raises:
        ValueError: the file cannot be written.
    """
    columns: dict[str, list[float | str]] = {}
    for task, values in outputs.items():
        columns |= _columns(f"{task}_output", values)
        present = examples.present.get(task)
        for name, column in _columns(f"{task}_target", examples.targets[task]).items():
            has_target = [True] * len(column) if present is None else present.tolist()
            columns[name] = [value if has else "" for value, has in zip(column, has_target, strict=True)]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    except OSError as error:
        raise ValueError(f"predictions cannot be written to {path} ({error.strerror}); choose another file") from error


def _columns(name: str, values: Tensor) -> dict[str, list[float | str]]:
    """The values of examples (N, ...) as columns, which are numbered where there are several."""
    flat = values.reshape(len(values), -1)
    names = [name] if flat.shape[1] == 1 else [f"{name}_{i}" for i in range(flat.shape[1])]
    return dict(zip(names, flat.T.tolist(), strict=True))
