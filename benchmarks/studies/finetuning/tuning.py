"""One fine-tuning: a saved model on one task, with its metrics after every epoch in a file of its own."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.records.record import Cell
from benchmarks.records.store import stem, write_atomically
from benchmarks.running.runner import MODELS
from benchmarks.training import saved_models
from benchmarks.training.batches import steps_per_epoch
from benchmarks.training.finetune import Epoch, Finetuning, follow
from benchmarks.training.loaded import data_key
from tasks import registry
from tasks.base import Splits, Suite

TUNED = "tuned"  # the folder of the files

logger = logging.getLogger(__name__)


class TuningSetting(NamedTuple):
    """What fine-tunings have in common; it can be sent to another process."""

    folder: Path  # of the results
    rate: float = 1.0  # learning rate, relative to the rate that the training began with
    device: str = "cpu"
    threads: int | None = None
    data: Path | None = None
    plugins: tuple[Path, ...] = ()


class PlannedTuning(NamedTuple):
    """The model that a cell trained is to be fine-tuned on one of its tasks, for so many epochs."""

    cell: Cell
    task: str
    epochs: int


class Tuned(BaseModel):
    """What a fine-tuning leaves behind: metrics of the model as it was, then after every epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str  # the cell's id
    task: str
    learning_rate: float
    epochs: list[Epoch]


def path_of(planned: PlannedTuning, setting: TuningSetting) -> Path:
    """Where the file of a fine-tuning is, or will be."""
    task = re.sub(r"[^\w.-]+", "-", planned.task)
    return setting.folder / TUNED / f"{stem(planned.cell)}--{task}.json"


def save(tuned: Tuned, planned: PlannedTuning, setting: TuningSetting) -> None:
    """Keep what a fine-tuning left behind."""
    path = path_of(planned, setting)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, tuned.model_dump_json())


def load(planned: PlannedTuning, setting: TuningSetting) -> Tuned | None:
    """What a fine-tuning left behind, if it ran on today's model and at least as long as planned; none otherwise."""
    path, model = path_of(planned, setting), _model(planned.cell, setting) / saved_models.WEIGHTS
    if not path.is_file() or (model.is_file() and model.stat().st_mtime > path.stat().st_mtime):
        return None
    try:
        tuned = Tuned.model_validate_json(path.read_bytes())
    except ValidationError:
        logger.warning("%s cannot be read and is made anew", path)
        return None
    wanted = (planned.cell.id, planned.task, _rate(planned.cell, setting))
    alike = (tuned.run, tuned.task, tuned.learning_rate) == wanted
    return tuned if alike and len(tuned.epochs) > planned.epochs else None


def require_models(planned: list[PlannedTuning], setting: TuningSetting) -> None:
    """Raise ``ValueError`` if a model that is to be fine-tuned is not there."""
    lost = {stem(each.cell) for each in planned if not _model(each.cell, setting).is_dir()}
    if lost:
        raise ValueError(
            f"{setting.folder / MODELS} lacks the models of {len(lost)} runs, such as {min(lost)}: train them with "
            f"`python -m benchmarks run --save-models --results {setting.folder}`, or with the whole study"
        )


def tune(planned: PlannedTuning, setting: TuningSetting, suite: Suite, splits: Splits) -> Tuned:
    """Fine-tune a model on data that are on its device.

    Raises:
        ValueError: there is no usable model.
    """
    cell, rate = planned.cell, _rate(planned.cell, setting)
    folder = _model(cell, setting)
    model = saved_models.restore(folder, suite, saved_models.read_card(folder)).to(torch.device(setting.device))
    how = Finetuning(planned.epochs, rate, cell.batch_size, seed=cell.repetition, optimizer=cell.optimizer)
    task = next(task for task in suite.tasks if task.name == planned.task)
    return Tuned(run=cell.id, task=planned.task, learning_rate=rate, epochs=follow(model, task, splits, how))


class Tuner:
    """The data of the study in the driver's process: those of one suite at a time."""

    def __init__(self, setting: TuningSetting) -> None:
        self.setting = setting
        self._key = ""
        self._loaded: tuple[Suite, Splits] | None = None

    def epochs_of(self, cell: Cell) -> float:
        """The epochs of a cell's training; of one that counts steps, by the size of its data."""
        if cell.epochs is not None:
            return cell.epochs
        assert cell.steps is not None, "one of the two is set"
        return cell.steps / steps_per_epoch(self.load(cell)[1].train, cell.batch_size)

    def load(self, cell: Cell) -> tuple[Suite, Splits]:
        """A cell's suite with its data on the device.

        Raises:
            DataUnavailableError: the data cannot be had here.
        """
        key = data_key(cell)
        if self._loaded is None or key != self._key:
            self._loaded = None  # room for the next data
            suite = registry.create(cell.suite, **cell.suite_options)
            splits = suite.load(self.setting.data)
            device = torch.device(self.setting.device)
            self._key, self._loaded = key, (suite, Splits(*(split.to(device) for split in splits)))
        return self._loaded


def _model(cell: Cell, setting: TuningSetting) -> Path:
    return setting.folder / MODELS / stem(cell)


def _rate(cell: Cell, setting: TuningSetting) -> float:
    return cell.learning_rate * setting.rate
