"""What a worker does with a job, wherever it runs."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import NamedTuple

import torch

from balancers import load_plugin
from benchmarks import devices, models
from benchmarks.executors.base import Began, Finished, Job, Setting, Skipped, Split, Stepped, Tell
from benchmarks.groups import alike, faster_together, train_group
from benchmarks.records import Cell
from benchmarks.store import stem
from benchmarks.train import Loaded
from benchmarks.world import World
from tasks import registry
from tasks.base import DataUnavailableError, MultiTaskModel, Splits


class Missing(NamedTuple):
    """Why a suite cannot run; ``broken`` if its loader failed in a way it should not."""

    reason: str
    broken: bool


class Worker:
    """Trains one job after the other, and keeps the data of the last suite."""

    def __init__(self, setting: Setting, world: World = World()) -> None:  # noqa: B008
        self.setting = setting
        self.world = world
        self.device = torch.device(setting.device)
        self._loaded: dict[str, Loaded | Missing] = {}  # by suite and options; the data of one suite at a time
        self._trials: dict[tuple[object, ...], bool] = {}

    def prepare(self) -> None:
        """Make a fresh process know what the driver knows."""
        devices.prepare(self.device)
        if self.setting.threads is not None:
            torch.set_num_threads(self.setting.threads)
        for name in self.setting.imports:
            importlib.import_module(name)
        for path in self.setting.plugins:
            load_plugin(path)

    def run(self, job: Job, tell: Tell) -> None:
        """Train a job, and tell what happens."""
        tell(Began(job))
        loaded = self._load(job.cells[0])
        if isinstance(loaded, Missing):
            tell(Skipped(job, *loaded))
            return
        if not self._together(job.cells, loaded):
            tell(Split(job))
            return
        keep = None if self.setting.models is None else self._keep
        steps = lambda done, total: tell(Stepped(job, done, total))  # noqa: E731
        for record in train_group(job.cells, loaded, steps, keep, self.setting.time_limit):
            tell(Finished(job, record))

    def _together(self, cells: Sequence[Cell], loaded: Loaded) -> bool:
        """Whether cells had better train together: on a CPU a trial tells, once for groups that are alike."""
        if len(cells) == 1 or self.device.type != "cpu":
            return True
        key = (len(cells), *alike(cells[0]))
        if key not in self._trials:
            self._trials[key] = faster_together(cells, loaded)
        return self._trials[key]

    def _load(self, cell: Cell) -> Loaded | Missing:
        key = repr((cell.suite, cell.suite_options))
        if key not in self._loaded:
            self._loaded = {k: v for k, v in self._loaded.items() if isinstance(v, Missing)}  # room for the next data
            self._loaded[key] = self._try(cell)
        return self._loaded[key]

    def _try(self, cell: Cell) -> Loaded | Missing:
        try:
            suite = registry.create(cell.suite, **cell.suite_options)
            splits = suite.load(self.setting.data)
            return Loaded(suite, Splits(*(split.to(self.device) for split in splits)), self.device, self.world)
        except DataUnavailableError as error:
            return Missing(str(error), broken=False)
        except Exception as error:  # a broken loader must not take the other suites down
            return Missing(f"{type(error).__name__}: {error}", broken=True)

    def _keep(self, cell: Cell, model: MultiTaskModel) -> None:
        assert self.setting.models is not None, "asked for"
        models.save(self.setting.models / stem(cell), model, models.Card.of(cell, model))
