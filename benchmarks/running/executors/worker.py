"""A worker: it trains jobs, in this process, in another one, or on a node of a cluster."""

from __future__ import annotations

import importlib

import torch

from benchmarks.records.record import Cell
from benchmarks.records.store import stem
from benchmarks.running import plugins
from benchmarks.running.executors.base import (
    Began,
    Divided,
    Finished,
    Job,
    Prepared,
    Setting,
    Skip,
    Skipped,
    Stepped,
    Tell,
)
from benchmarks.training import saved_models
from benchmarks.training.groups import train_group
from benchmarks.training.loaded import Loaded, data_key
from benchmarks.training.machine import devices
from benchmarks.training.machine.data_parallel import World
from benchmarks.training.pace import Pace
from tasks import registry
from tasks.base import DataUnavailableError, MultiTaskModel, Splits


class Worker:
    """Does one job after the other, and keeps the data of the last suite."""

    def __init__(self, setting: Setting, world: World = World()) -> None:  # noqa: B008
        self.setting = setting
        self.world = world
        self.device = torch.device(setting.device)
        self._prepared: dict[str, Prepared | Skip] = {}  # by suite and options; the data of one suite at a time
        devices.prepare(self.device)
        if setting.threads is not None:
            torch.set_num_threads(setting.threads)

    def load_plugins(self) -> None:
        """Load the plug-ins and suites of the driver into a fresh process."""
        for name in self.setting.imports:
            importlib.import_module(name)
        for path in self.setting.plugins:
            plugins.load(path)

    def run(self, job: Job, tell: Tell) -> None:
        """Do a job, and tell what happens."""
        prepared = self._prepare(job.cells[0])
        if isinstance(prepared, Skip):
            tell(Skipped(job, prepared))
            return
        reason = self.world.indivisible(job.cells[0].batch_size, map(len, prepared.loaded.splits.train.sets()))
        if reason:
            tell(Skipped(job, Skip(f"{reason}; choose another batch size, or train in one process", broken=False)))
            return
        tell(Began(job))  # from here on the time limit counts
        job.run(self, prepared, tell)

    def train(self, job: Job, prepared: Prepared, tell: Tell) -> None:
        """Train the cells of a job together, or tell that it had better be split."""
        loaded, pace = prepared
        if len(job.cells) > 1 and not devices.on_accelerator(self.device) and not pace.faster_together(job.cells):
            tell(Divided(job))
            return
        keep = None if self.setting.models is None else self._keep
        steps = lambda done, total: tell(Stepped(job, done, total))  # noqa: E731
        for record in train_group(job.cells, loaded, steps, keep, self.setting.time_limit, pace):
            tell(Finished(job, record))

    def _prepare(self, cell: Cell) -> Prepared | Skip:
        key = data_key(cell)
        if key not in self._prepared:
            self._prepared = {k: v for k, v in self._prepared.items() if isinstance(v, Skip)}  # room for the next data
            outcome = self._try(cell)
            skips = [skip for skip in self.world.gather(outcome if isinstance(outcome, Skip) else None) if skip]
            self._prepared[key] = skips[0] if skips else outcome
        return self._prepared[key]

    def _try(self, cell: Cell) -> Prepared | Skip:
        try:
            suite = registry.create(cell.suite, **cell.suite_options)
            splits = suite.load(self.setting.data)
            loaded = Loaded(suite, Splits(*(split.to(self.device) for split in splits)), self.device, self.world)
            return Prepared(loaded, Pace(loaded))
        except DataUnavailableError as error:
            return Skip(str(error), broken=False)
        except Exception as error:  # a broken loader must not take the other suites down
            return Skip(f"{type(error).__name__}: {error}", broken=True)

    def _keep(self, cell: Cell, model: MultiTaskModel) -> None:
        assert self.setting.models is not None, "asked for"
        saved_models.save(self.setting.models / stem(cell), model, saved_models.Card.of(cell, model))
