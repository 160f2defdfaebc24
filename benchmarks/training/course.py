"""What is known of one cell while it trains, and the record that it leaves."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import torch

from benchmarks.records.record import Cell, Outcome, Record, Scalars, Solver, Status
from benchmarks.records.selection import selection_score
from benchmarks.training.batches import metric_facts
from benchmarks.training.clock import Spent
from benchmarks.training.curves import CurveLog
from benchmarks.training.engine import Engine, Fault
from benchmarks.training.environment import describe
from benchmarks.training.evaluate import Geometry
from tasks.base import Suite


class Run:
    """What is known of one cell while it trains."""

    def __init__(self, cell: Cell, suite: Suite) -> None:
        self.cell = cell
        self.log = CurveLog(cell.tasks)
        self.fault: Fault | None = None
        self.best: Outcome | None = None
        self.last: Outcome | None = None
        self.at_equal_compute: Outcome | None = None
        self.best_step, self.best_score = 0, math.inf
        self.scores: dict[int, Scalars] = {}  # validation metrics at the best and at the last evaluation
        self._untrained: Scalars = {}  # validation metrics before the first step
        self._facts = {task.name: metric_facts(task) for task in suite.tasks if task.name in cell.tasks}

    def break_off(self, fault: Fault) -> None:
        """It goes no further; the first fault counts."""
        self.fault = self.fault or fault
        self.best = self.last = self.at_equal_compute = None

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
            at_equal_compute=self.at_equal_compute,
            curves=self.log.curves,
            cost=None if engine is None else engine.cost(number, spent),
            solver=None if engine is None else self._solver(engine, number),
            replicas=1 if engine is None else engine.replicas,
            environment=facts,
            finished=now(),
        )

    def _solver(self, engine: Engine, number: int) -> Solver | None:
        """How well the method's equations were solved in the steps so far; none if it solves none."""
        steps = engine.done if self.fault is None else self.fault.step
        found = engine.certificate(number) if steps else None
        if found is None:
            return None
        return Solver(residual=found.residual.item(), fallbacks=int(found.fallbacks.item()), steps=steps)


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
        finished=now(),
    )


def now() -> str:
    """The time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
