"""Runs per hour on one device: one at a time, as replicas, and in a plain loop with TorchJD."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from benchmarks.protocols.expand import Filters, expand
from benchmarks.protocols.files import find, read
from benchmarks.records.record import Cell
from benchmarks.training.batches import probe_of, steps_per_epoch
from benchmarks.training.engines.engine import Engine
from benchmarks.training.engines.replicas.engine import Replicas
from benchmarks.training.engines.single import Alone
from benchmarks.training.loaded import Loaded
from benchmarks.training.machine.environment import REPOSITORY
from benchmarks.training.schedule import evaluation_points
from tasks import registry
from tasks.base import Splits

PROTOCOL = "quick"  # what a run is
SUITES = ("plane", "gradnorm-regression-2", "multimnist")
METHODS = ("fixed", "pcgrad")  # one that looks at losses alone, and one that measures gradients
REPLICAS = (1, 4, 16, 64)
WARM_UP = 3  # repetitions
SECONDS = 4.0  # for the steps, and as long for the evaluations

ALONE, TOGETHER, PLAIN = "one at a time", "replicas", "plain loop with TorchJD"


class Rate(NamedTuple):
    """What one way of training gives."""

    suite: str
    method: str
    way: str
    replicas: int
    step: float  # seconds of a step of all replicas
    evaluation: float  # of one evaluation of all, with the geometry of gradients unless the loop is a plain one
    start: float  # seconds before the first step that a run, or all together, need anew
    runs_per_hour: float


def rates(device: torch.device, tell: Callable[[str], None]) -> Iterator[Rate]:
    """All rates; ``tell`` hears of each."""
    engine_rate(SUITES[0], METHODS[0], 1, device, together=False)  # not counted: what happens once in a process
    for suite in SUITES:
        for method in METHODS:
            ways = [lambda s, m: plain(s, m, device), lambda s, m: engine_rate(s, m, 1, device, together=False)]
            ways += [lambda s, m, r=r: engine_rate(s, m, r, device, together=True) for r in REPLICAS]
            for way in ways:
                found = way(suite, method)
                tell(f"{suite} {method}, {found.way}, {found.replicas}: {found.runs_per_hour:,.0f} runs an hour")
                yield found


def engine_rate(suite: str, method: str, replicas: int, device: torch.device, *, together: bool) -> Rate:
    """The rate of one engine, from some of the steps and evaluations of a run."""
    cells = cells_of(suite, method, replicas)
    loaded = load(cells[0], device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        began = now(device)
        engine: Engine = (
            Replicas(cells, loaded.suite, loaded.splits.train, device)
            if together
            else Alone(cells[0], loaded.suite, loaded.splits.train, device)
        )
        start = now(device) - began
        step = _seconds(engine.step, device)
        probe = probe_of(loaded.splits.train, cells[0].batch_size)
        evaluation = _seconds(lambda: (engine.evaluate(loaded.splits.validation), engine.geometry(probe)), device)
    steps = steps_of(cells[0], loaded)
    whole = start + steps * step + (len(evaluation_points(steps, cells[0].evaluations)) + 1) * evaluation
    way = TOGETHER if together else ALONE
    return Rate(suite, method, way, replicas, step, evaluation, start, 3600 * replicas / whole)


def plain(suite: str, method: str, device: torch.device) -> Rate:
    """The rate of a plain loop with TorchJD, from a whole run in a process of its own."""
    threads = torch.get_num_threads()
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.studies.throughput.plain", suite, method, str(device)],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    total = time.perf_counter() - began
    found = json.loads(done.stdout)
    return Rate(suite, method, PLAIN, 1, found["step"], found["evaluation"], total - found["total"], 3600 / total)


def cells_of(suite: str, method: str, seeds: int) -> list[Cell]:
    """The protocol's cells of a method."""
    found = expand(read(find(PROTOCOL)), Filters((method,), (suite,), seeds))
    return [cell for cell in found if cell.row == method]


def load(cell: Cell, device: torch.device) -> Loaded:
    """A cell's suite with its data."""
    suite = registry.create(cell.suite, **cell.suite_options)
    return Loaded(suite, Splits(*(split.to(device) for split in suite.load())), device)


def steps_of(cell: Cell, loaded: Loaded) -> int:
    """How many steps a run of a cell has."""
    return cell.steps or (cell.epochs or 0) * steps_per_epoch(loaded.splits.train, cell.batch_size)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Mean seconds over some seconds of repetitions, which a GPU takes without a wait in between."""
    began = now(device)
    for _ in range(WARM_UP):
        work()
    count = max(1, round(SECONDS * WARM_UP / (now(device) - began)))
    began = now(device)
    for _ in range(count):
        work()
    return (now(device) - began) / count


def now(device: torch.device) -> float:
    """The time when all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
