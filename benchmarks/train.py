"""Cells that train together: train, select on validation, test once; whatever happens, records come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import NamedTuple

import torch

from benchmarks.cost import PeakMemory, Spent
from benchmarks.curves import CurveLog
from benchmarks.devices import require_alive
from benchmarks.engine import Engine, Fault
from benchmarks.environment import describe
from benchmarks.evaluate import Geometry
from benchmarks.loop import evaluation_points, metric_facts, probe_of
from benchmarks.records import Cell, Outcome, Record, Scalars, Solver, Status
from benchmarks.select import selection_score
from benchmarks.world import World
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


def unfinished(cell: Cell, status: Status, reason: str, device: str) -> Record:
    """The record of a cell of which nothing is known but why it did not end, and on what device."""
    return Record(
        id=cell.id,
        cell=cell,
        status=status,
        reason=reason,
        metrics={},
        best=None,
        last=None,
        curves=CurveLog(cell.tasks).curves,
        cost=None,
        environment=describe(torch.device("cpu")) | {"device": torch.device(device).type},
        finished=_now(),
    )


def _spent(engine: Engine | None, total: float, memory: PeakMemory) -> Spent:
    """What each of the runs of an engine took."""
    trained, evaluated = (0.0, 0.0) if engine is None else (engine.trained, engine.evaluated)
    runs = 1 if engine is None else engine.replicas
    return Spent(total, trained / runs, evaluated / runs, memory.read())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Run:
    """What is known of one cell while it trains."""

    def __init__(self, cell: Cell, suite: Suite) -> None:
        self.cell = cell
        self.log = CurveLog(cell.tasks)
        self.fault: Fault | None = None
        self.best: Outcome | None = None
        self.last: Outcome | None = None
        self.best_step, self.best_score = 0, math.inf
        self.scores: dict[int, Scalars] = {}  # validation metrics at the best and at the last evaluation
        self._untrained: Scalars = {}  # validation metrics before the first step
        self._facts = {task.name: metric_facts(task) for task in suite.tasks if task.name in cell.tasks}

    def break_off(self, fault: Fault) -> None:
        """It goes no further; the first fault counts."""
        self.fault = self.fault or fault
        self.best = self.last = None

    def see(self, step: int, scores: Scalars, geometry: Geometry) -> bool:
        """Whether validation metrics are the best so far."""
        for task, metrics in scores.items():
            for metric, value in {**metrics, "norm of the gradient": geometry.norms[task]}.items():
                if not math.isfinite(value):
                    self.break_off(Fault(step, "diverged", f"{metric} of task {task!r} is {value}"))
                    return False
        self._untrained = self._untrained or scores
        score = selection_score(scores, self._untrained, self._facts)
        better = score < self.best_score
        if better:
            self.best_step, self.best_score = step, score
        kept = self.scores.get(self.best_step)
        self.scores = {step: scores} if kept is None else {self.best_step: kept, step: scores}
        return better

    def record(self, engine: Engine | None, number: int, spent: Spent, facts: dict[str, str]) -> Record:
        """The record; this was run ``number`` of the engine."""
        return Record(
            id=self.cell.id,
            cell=self.cell,
            status="done" if self.fault is None else self.fault.status,
            reason="" if self.fault is None else f"step {self.fault.step}: {self.fault.reason}",
            metrics=self._facts,
            best=self.best,
            last=self.last,
            curves=self.log.curves,
            cost=None if engine is None else engine.cost(number, spent),
            solver=None if engine is None else self._solver(engine, number),
            replicas=1 if engine is None else engine.replicas,
            environment=facts,
            finished=_now(),
        )

    def _solver(self, engine: Engine, number: int) -> Solver | None:
        """How well the method's equations were solved in the steps so far; none if it solves none."""
        steps = engine.done if self.fault is None else self.fault.step
        found = engine.certificate(number) if steps else None
        if found is None:
            return None
        return Solver(residual=found.residual.item(), fallbacks=int(found.fallbacks.item()), steps=steps)


def _fit(engine: Engine, runs: Sequence[Run], loaded: Loaded, watch: Watch) -> None:
    """All steps, with an evaluation before the first, after the last and evenly in between."""
    began, cell, splits = perf_counter(), runs[0].cell, loaded.splits
    total = cell.steps or (cell.epochs or 0) * math.ceil(len(splits.train) / cell.batch_size)
    points = evaluation_points(total, cell.evaluations)
    probe = probe_of(splits.train, cell.batch_size)
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
        if engine.done in points:
            observe()
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
    if any(runs[number].best_step != engine.done for number in sound):
        engine.recall()
        tested = _metrics(engine, splits.test)
    for number in sound:
        run = runs[number]
        run.best = Outcome(step=run.best_step, validation=run.scores[run.best_step], test=tested[number])
        if keep is not None:
            keep(run.cell, engine.model(number))
