"""A worker: it trains jobs, in this process, in another one, or on a node of a cluster."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import torch

from benchmarks.records.record import Cell
from benchmarks.records.store import stem
from benchmarks.running import plugins
from benchmarks.running.executors.base import Began, Divided, Finished, Job, Setting, Skip, Skipped, Stepped, Tell
from benchmarks.training import saved_models
from benchmarks.training.groups import train_group
from benchmarks.training.loaded import Loaded
from benchmarks.training.machine import devices
from benchmarks.training.machine.processes import World
from benchmarks.training.pace import Pace
from tasks import registry
from tasks.base import DataUnavailableError, MultiTaskModel, Splits


class Known(NamedTuple):
    """A suite that is ready to train, and how fast its cells are."""

    loaded: Loaded
    pace: Pace


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
        """Load the plug-ins and suites of the driver into a fresh process."""
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
        tell(Began(job))  # from here on the time limit counts
        job.run(self, known, tell)

    def train(self, job: Job, known: Known, tell: Tell) -> None:
        """Train the cells of a job together, or tell that it is divided."""
        loaded, pace = known
        if len(job.cells) > 1 and self.device.type == "cpu" and not pace.faster_together(job.cells):
            tell(Divided(job))
            return
        keep = None if self.setting.models is None else self._keep
        steps = lambda done, total: tell(Stepped(job, done, total))  # noqa: E731
        for record in train_group(job.cells, loaded, steps, keep, self.setting.time_limit, pace):
            tell(Finished(job, record))

    def _know(self, cell: Cell) -> Known | Skip:
        key = repr((cell.suite, cell.suite_options))
        if key not in self._known:
            self._known = {k: v for k, v in self._known.items() if isinstance(v, Skip)}  # room for the next data
            outcome = self._try(cell)
            skips = [skip for skip in self.world.gather(outcome if isinstance(outcome, Skip) else None) if skip]
            self._known[key] = skips[0] if skips else outcome
        return self._known[key]

    def _try(self, cell: Cell) -> Known | Skip:
        try:
            suite = registry.create(cell.suite, **cell.suite_options)
            splits = suite.load(self.setting.data)
            loaded = Loaded(suite, Splits(*(split.to(self.device) for split in splits)), self.device, self.world)
            return Known(loaded, Pace(loaded))
        except DataUnavailableError as error:
            return Skip(str(error), broken=False)
        except Exception as error:  # a broken loader must not take the other suites down
            return Skip(f"{type(error).__name__}: {error}", broken=True)

    def _keep(self, cell: Cell, model: MultiTaskModel) -> None:
        assert self.setting.models is not None, "asked for"
        saved_models.save(self.setting.models / stem(cell), model, saved_models.Card.of(cell, model))
