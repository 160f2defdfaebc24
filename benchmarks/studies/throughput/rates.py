"""Runs per hour on one device: one at a time, as replicas, and in a plain loop with TorchJD."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from benchmarks.records.record import Cell
from benchmarks.studies.throughput.options import ThroughputOptions, cells_of
from benchmarks.training.batches import geometry_batch, steps_per_epoch
from benchmarks.training.engines.engine import Engine
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Loaded
from benchmarks.training.machine.devices import noise_kept, now
from benchmarks.training.schedule import evaluation_points
from tasks import registry
from tasks.base import Splits

WARM_UP = 3  # repetitions
WITH_TORCHJD = ("fixed", "pcgrad")  # the methods of `benchmarks.studies.throughput.plain`

ALONE, TOGETHER, PLAIN = "one at a time", "replicas", "plain loop with TorchJD"


class Rate(NamedTuple):
    """The rate of one way of training a method on a suite."""

    suite: str
    method: str
    way: str
    replicas: int
    step: float  # seconds of a step of all replicas
    evaluation: float  # of one evaluation of all, with the geometry of gradients unless the loop is a plain one
    start: float  # seconds before the first step that a run, or all together, need anew
    runs_per_hour: float


def rates(options: ThroughputOptions, device: torch.device) -> Iterator[Rate]:
    """The rates of all suites, methods and ways."""
    first = cells_of(options.protocol, options.suites[0], options.methods[0], 1)
    engine_rate(first, device, 0.0, together=False)  # not counted: what happens once in a process
    for suite in options.suites:
        for method in options.methods:
            if method in WITH_TORCHJD:
                yield plain(options.protocol, suite, method, device)
            cells = cells_of(options.protocol, suite, method, max(options.replicas))
            yield engine_rate(cells[:1], device, options.seconds, together=False)
            for replicas in options.replicas:
                yield engine_rate(cells[:replicas], device, options.seconds, together=True)


def count_of(options: ThroughputOptions) -> int:
    """How many rates there are."""
    ways = sum(1 + len(options.replicas) + (method in WITH_TORCHJD) for method in options.methods)
    return len(options.suites) * ways


def engine_rate(cells: Sequence[Cell], device: torch.device, seconds: float, *, together: bool) -> Rate:
    """The rate of one engine, from some of the steps and evaluations of a run.

    Args:
        cells: what it trains; a single one if not ``together``.
        device: where.
        seconds: about how long to time the steps, and then the evaluations.
        together: whether as replicas.
    """
    first = cells[0]
    loaded = load(first, device)
    with noise_kept(device):
        began = now(device)
        engine: Engine = (
            Replicas(cells, loaded.suite, loaded.splits.train, device)
            if together
            else Alone(first, loaded.suite, loaded.splits.train, device)
        )
        start = now(device) - began
        step = _seconds(engine.step, device, seconds)
        probe = geometry_batch(loaded.splits.train, first.batch_size)
        evaluation = _seconds(
            lambda: (engine.evaluate(loaded.splits.validation), engine.geometry(probe)), device, seconds
        )
    steps = steps_of(first, loaded)
    whole = start + steps * step + (len(evaluation_points(steps, first.evaluations)) + 1) * evaluation
    way = TOGETHER if together else ALONE
    return Rate(first.table, first.row, way, len(cells), step, evaluation, start, 3600 * len(cells) / whole)


def plain(protocol: str, suite: str, method: str, device: torch.device) -> Rate:
    """The rate of a plain loop with TorchJD, from a whole run in a process of its own."""
    threads = torch.get_num_threads()
    began = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.studies.throughput.plain", protocol, suite, method, str(device)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    total = time.perf_counter() - began
    seconds = json.loads(process.stdout)
    start = total - seconds["total"]
    return Rate(suite, method, PLAIN, 1, seconds["step"], seconds["evaluation"], start, 3600 / total)


def load(cell: Cell, device: torch.device) -> Loaded:
    """A cell's suite with its data."""
    suite = registry.create(cell.suite, **cell.suite_options)
    return Loaded(suite, Splits(*(split.to(device) for split in suite.load())), device)


def steps_of(cell: Cell, loaded: Loaded) -> int:
    """How many steps a run of a cell has."""
    return cell.steps or (cell.epochs or 0) * steps_per_epoch(loaded.splits.train, cell.batch_size)


def _seconds(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Mean time of some work over about so many seconds of repetitions, without a wait for the device in between."""
    began = now(device)
    for _ in range(WARM_UP):
        work()
    count = max(1, round(seconds * WARM_UP / (now(device) - began)))
    began = now(device)
    for _ in range(count):
        work()
    return (now(device) - began) / count
