"""Cells that train together: train, select on validation, test once; whatever happens, records come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import torch

from benchmarks.records.record import Cell, Outcome, Record, Scalars
from benchmarks.training.batches import evaluation_points, probe_of, steps_per_epoch
from benchmarks.training.clock import PeakMemory, Spent
from benchmarks.training.compute import steps_of_equal_compute
from benchmarks.training.course import Run
from benchmarks.training.devices import require_alive
from benchmarks.training.engine import Engine, Fault
from benchmarks.training.environment import describe
from benchmarks.training.evaluate import Geometry
from benchmarks.training.processes import World
from tasks.base import MultiTaskModel, Split, Splits, Suite

Progress = Callable[[int, int], None]  # (steps done, steps in all)
Keep = Callable[[Cell, MultiTaskModel], None]
MakeEngine = Callable[[], Engine]

PROGRESS_REPORTS = 200  # per training: often enough for a bar, rare enough to cost nothing


@dataclass(frozen=True)
class Loaded:
    """A suite with its data on a device, and the processes that train data-parallel."""

    suite: Suite
    splits: Splits
    device: torch.device
    world: World = field(default_factory=World)


class Watch(NamedTuple):
    """What looks at a training: how far it is, what to do with the models chosen on validation, seconds per cell."""

    progress: Progress | None = None
    keep: Keep | None = None
    limit: float | None = None


def train(cells: Sequence[Cell], loaded: Loaded, make_engine: MakeEngine, watch: Watch = Watch()) -> list[Record]:  # noqa: B008
    """Train cells that take their steps together. The global random generator is left as it was.

    Raises:
        Exception: something failed that may be the fault of one of several cells, or of one of several processes, or
            that broke the device; otherwise a cell alone gets a record instead.
    """
    began = perf_counter()
    device, world = loaded.device, loaded.world
    memory = PeakMemory(device)
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    runs = [Run(cell, loaded.suite) for cell in cells]
    engine = None
    with torch.random.fork_rng(devices=devices):
        try:
            engine = make_engine()
            _fit(engine, runs, loaded, watch)
            _finish(engine, runs, loaded.splits, watch.keep)
        except Exception as error:  # one cell must not take the others down
            if len(runs) > 1 or world.out_of_step(error):
                raise
            require_alive(device)
            step = 0 if engine is None else engine.done
            runs[0].break_off(Fault(step, "failed", f"{type(error).__name__}: {error}"))
        spent = _spent(engine, (perf_counter() - began) / len(runs), memory)
        facts = describe(device) | ({"processes": str(world.size)} if world.size > 1 else {})
        return [run.record(engine, number, spent, facts) for number, run in enumerate(runs)]


def _spent(engine: Engine | None, total: float, memory: PeakMemory) -> Spent:
    """What each of the runs of an engine took."""
    trained, evaluated = (0.0, 0.0) if engine is None else (engine.trained, engine.evaluated)
    runs = 1 if engine is None else engine.replicas
    return Spent(total, trained / runs, evaluated / runs, memory.read())


def _fit(engine: Engine, runs: Sequence[Run], loaded: Loaded, watch: Watch) -> None:
    """All steps, with an evaluation before the first, after the last and evenly in between."""
    began, cell, splits = perf_counter(), runs[0].cell, loaded.splits
    epoch = steps_per_epoch(splits.train, cell.batch_size)
    total = cell.steps or (cell.epochs or 0) * epoch
    halvings = {number * epoch for number in cell.halve_at}
    points, enough = evaluation_points(total, cell.evaluations), steps_of_equal_compute(cell, total)
    probe = probe_of(splits.train.only(cell.tasks), cell.batch_size)
    stride = max(1, total // PROGRESS_REPORTS)

    def observe() -> None:
        faults = engine.faults()  # with the last of them known, all steps are over
        engine.trained += perf_counter() - mark
        for number, fault in faults.items():
            runs[number].break_off(fault)
        for number, fine in enumerate(engine.finite()):
            if not fine:
                runs[number].break_off(Fault(engine.done, "diverged", "a parameter is not finite"))
        if any(run.fault is None for run in runs):
            _observe(engine, runs, loaded.suite, _metrics(engine, splits.validation), engine.geometry(probe))

    mark = perf_counter()
    observe()
    mark = perf_counter()
    while engine.done < total and any(run.fault is None for run in runs):
        engine.step()
        if engine.done in halvings:
            engine.halve_rates()
        if engine.done in points:
            observe()
            mark = perf_counter()
        if engine.done == enough < total:
            engine.trained += perf_counter() - mark
            _note_equal_compute(engine, runs, splits)
            mark = perf_counter()
        if engine.done % stride == 0:
            if watch.progress is not None:
                watch.progress(engine.done, total)
            if watch.limit is not None and engine.done < total:
                late = perf_counter() - began > watch.limit * len(runs)
                if loaded.world.agree(late):  # or else some processes would go on without the others
                    for run in runs:
                        run.break_off(Fault(engine.done, "timed out", f"took longer than {watch.limit:g} s"))


def _observe(
    engine: Engine, runs: Sequence[Run], suite: Suite, scores: Sequence[Scalars], geometries: Sequence[Geometry]
) -> None:
    """A point of the curves of all that are sound; their states are kept if they are the best so far."""
    means = engine.take_means()
    better = []
    for number, (run, score, geometry) in enumerate(zip(runs, scores, geometries, strict=True)):
        if run.fault is not None:
            continue
        if run.see(engine.done, score, geometry):
            better.append(number)
        if run.fault is None:
            run.log.add(engine.done, score, geometry, suite.snapshot(engine.model(number)))
            run.log.add_means(*(None, None) if means is None else (means.losses[number], means.weights[number]))
    engine.keep(better)


def _note_equal_compute(engine: Engine, runs: Sequence[Run], splits: Splits) -> None:
    """The state that a method has reached when it has spent what equal weights spend on all steps."""
    validation, test = _metrics(engine, splits.validation), _metrics(engine, splits.test)
    for run, seen, tested in zip(runs, validation, test, strict=True):
        if run.fault is None:
            run.at_equal_compute = Outcome(step=engine.done, validation=seen, test=tested)


def _metrics(engine: Engine, split: Split) -> list[Scalars]:
    began = perf_counter()
    found = engine.evaluate(split)
    engine.evaluated += perf_counter() - began
    return found


def _finish(engine: Engine, runs: Sequence[Run], splits: Splits, keep: Keep | None) -> None:
    """The last and the best state on the test split; the models are left in the best."""
    sound = [number for number, run in enumerate(runs) if run.fault is None]
    if not sound:
        return
    tested = _metrics(engine, splits.test)
    for number in sound:
        run = runs[number]
        run.last = Outcome(step=engine.done, validation=run.scores[engine.done], test=tested[number])
        run.at_equal_compute = run.at_equal_compute or run.last
    if any(runs[number].best_step != engine.done for number in sound):
        engine.recall()
        tested = _metrics(engine, splits.test)
    for number in sound:
        run = runs[number]
        run.best = Outcome(step=run.best_step, validation=run.scores[run.best_step], test=tested[number])
        if keep is not None:
            keep(run.cell, engine.model(number))
