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
from tasks import registry
from tasks.base import Splits, Suite

TUNED = "tuned"  # the folder of the files

logger = logging.getLogger(__name__)


class Setting(NamedTuple):
    """What fine-tunings have in common; it can be sent to another process."""

    folder: Path  # of the results
    rate: float = 1.0  # learning rate in that which the training began with
    device: str = "cpu"
    threads: int | None = None
    data: Path | None = None
    plugins: tuple[Path, ...] = ()


class Job(NamedTuple):
    """The model that a cell trained, on one of its tasks, for so many epochs."""

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


def path_of(job: Job, setting: Setting) -> Path:
    """Where the outcome of a job is, or will be."""
    task = re.sub(r"[^\w.-]+", "-", job.task)
    return setting.folder / TUNED / f"{stem(job.cell)}--{task}.json"


def known(job: Job, setting: Setting) -> Tuned | None:
    """The outcome of a job if it has been run on today's model, at least as long as wanted; none otherwise."""
    path, model = path_of(job, setting), _model(job.cell, setting) / saved_models.WEIGHTS
    if not path.is_file() or (model.is_file() and model.stat().st_mtime > path.stat().st_mtime):
        return None
    try:
        found = Tuned.model_validate_json(path.read_bytes())
    except ValidationError:
        logger.warning("%s cannot be read and is made anew", path)
        return None
    alike = (found.run, found.task, found.learning_rate) == (job.cell.id, job.task, _rate(job.cell, setting))
    return found if alike and len(found.epochs) > job.epochs else None


def require_models(jobs: list[Job], setting: Setting) -> None:
    """Raise ``ValueError`` if the model of a job is not there."""
    lost = {stem(job.cell) for job in jobs if not _model(job.cell, setting).is_dir()}
    if lost:
        raise ValueError(
            f"{setting.folder / MODELS} lacks the models of {len(lost)} runs, such as {min(lost)}: train them with "
            f"`python -m benchmarks run --save-models --results {setting.folder}`, or with the whole study"
        )


class Tuner:
    """Runs one job after the other, and keeps the data of the last suite."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._key = ""
        self._loaded: tuple[Suite, Splits] | None = None

    def run(self, job: Job) -> Tuned:
        """Fine-tune, and keep the outcome.

        Raises:
            ValueError: there is no usable model.
            DataUnavailableError: the data cannot be had here.
        """
        device, rate = torch.device(self.setting.device), _rate(job.cell, self.setting)
        folder = _model(job.cell, self.setting)
        card = saved_models.read_card(folder)
        suite, splits = self.load(job.cell)
        model = saved_models.restore(folder, suite, card).to(device)
        how = Finetuning(job.epochs, rate, job.cell.batch_size, seed=job.cell.repetition, optimizer=job.cell.optimizer)
        task = next(task for task in suite.tasks if task.name == job.task)
        found = Tuned(run=job.cell.id, task=job.task, learning_rate=rate, epochs=follow(model, task, splits, how))
        path = path_of(job, self.setting)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, found.model_dump_json())
        return found

    def epochs_of(self, cell: Cell) -> float:
        """The epochs of a cell's training; of one that counts steps, by the size of its data."""
        if cell.epochs is not None:
            return cell.epochs
        assert cell.steps is not None, "one of the two is set"
        return cell.steps / steps_per_epoch(self.load(cell)[1].train, cell.batch_size)

    def load(self, cell: Cell) -> tuple[Suite, Splits]:
        """A cell's suite with its data on the device."""
        key = repr((cell.suite, cell.suite_options))
        if self._loaded is None or key != self._key:
            self._loaded = None  # room for the next data
            suite = registry.create(cell.suite, **cell.suite_options)
            splits = suite.load(self.setting.data)
            device = torch.device(self.setting.device)
            self._key, self._loaded = key, (suite, Splits(*(split.to(device) for split in splits)))
        return self._loaded


def _model(cell: Cell, setting: Setting) -> Path:
    return setting.folder / MODELS / stem(cell)


def _rate(cell: Cell, setting: Setting) -> float:
    return cell.learning_rate * setting.rate
