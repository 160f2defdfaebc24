"""What a worker does with a job, wherever it runs."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import torch

from benchmarks.records.record import Cell
from benchmarks.records.store import stem
from benchmarks.running import plugins
from benchmarks.running.executors.base import Began, Finished, Job, Setting, Skip, Skipped, Split, Stepped, Tell
from benchmarks.training import devices, saved_models
from benchmarks.training.groups import train_group
from benchmarks.training.pace import Trials
from benchmarks.training.processes import World
from benchmarks.training.train import Loaded
from tasks import registry
from tasks.base import DataUnavailableError, MultiTaskModel, Splits


class Known(NamedTuple):
    """A suite that is ready to train, and what was found out about it."""

    loaded: Loaded
    trials: Trials


class Worker:
    """Does one job after the other, and keeps the data of the last suite."""

    def __init__(self, setting: Setting, world: World = World()) -> None:  # noqa: B008
        self.setting = setting
        self.world = world
        self.device = torch.device(setting.device)
        self._known: dict[str, Known | Skip] = {}  # by suite and options; the data of one suite at a time
        devices.prepare(self.device)
        if setting.threads is not None:
            torch.set_num_threads(setting.threads)

    def learn(self) -> None:
        """Make a fresh process know what the driver knows."""
        for name in self.setting.imports:
            importlib.import_module(name)
        for path in self.setting.plugins:
            plugins.load(path)

    def run(self, job: Job, tell: Tell) -> None:
        """Do a job, and tell what happens."""
        known = self._know(job.cells[0])
        if isinstance(known, Skip):
            tell(Skipped(job, known))
            return
        reason = self.world.indivisible(job.cells[0].batch_size, map(len, known.loaded.splits.train.sets()))
        if reason:
            tell(Skipped(job, Skip(f"{reason}; choose another batch size, or train in one process", broken=False)))
            return
        tell(Began(job))  # from here on it may not hang
        job.run(self, known, tell)

    def train(self, job: Job, known: Known, tell: Tell) -> None:
        """Train the cells of a job together, or tell that it had better be split."""
        loaded, trials = known
        if len(job.cells) > 1 and self.device.type == "cpu" and not trials.faster_together(job.cells):
            tell(Split(job))
            return
        keep = None if self.setting.models is None else self._keep
        steps = lambda done, total: tell(Stepped(job, done, total))  # noqa: E731
        for record in train_group(job.cells, loaded, steps, keep, self.setting.time_limit, trials):
            tell(Finished(job, record))

    def _know(self, cell: Cell) -> Known | Skip:
        key = repr((cell.suite, cell.suite_options))
        if key not in self._known:
            self._known = {k: v for k, v in self._known.items() if isinstance(v, Skip)}  # room for the next data
            found = self._try(cell)
            skips = [skip for skip in self.world.gather(found if isinstance(found, Skip) else None) if skip]
            self._known[key] = skips[0] if skips else found
        return self._known[key]

    def _try(self, cell: Cell) -> Known | Skip:
        try:
            suite = registry.create(cell.suite, **cell.suite_options)
            splits = suite.load(self.setting.data)
            loaded = Loaded(suite, Splits(*(split.to(self.device) for split in splits)), self.device, self.world)
            return Known(loaded, Trials(loaded))
        except DataUnavailableError as error:
            return Skip(str(error), broken=False)
        except Exception as error:  # a broken loader must not take the other suites down
            return Skip(f"{type(error).__name__}: {error}", broken=True)

    def _keep(self, cell: Cell, model: MultiTaskModel) -> None:
        assert self.setting.models is not None, "asked for"
        saved_models.save(self.setting.models / stem(cell), model, saved_models.Card.of(cell, model))
