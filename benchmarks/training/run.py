"""One cell while it trains: its fault, curves and checkpoints, and the record that it leaves."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import torch

from benchmarks.records.record import Cell, Outcome, Record, Scalars, Solver, Status
from benchmarks.training.batches import metric_facts
from benchmarks.training.checkpoint import Checkpoint, Checkpoints
from benchmarks.training.engines.engine import Engine, Fault
from benchmarks.training.machine.environment import describe
from benchmarks.training.measuring.clock import Spent
from benchmarks.training.measuring.curves import CurveLog
from benchmarks.training.measuring.evaluate import Geometry
from tasks.base import Suite


class Run:
    """One cell while it trains.

    Attributes:
        fault: why it broke off; none while it is sound.
        log: its curves.
        checkpoints: its selected and its latest checkpoint.
        selected: validation and test metrics of the selected checkpoint, once it was tested.
        last: the same of the last step.
        at_equal_compute: the same of the step after which it had spent the compute of equal weights.
    """

    def __init__(self, cell: Cell, suite: Suite) -> None:
        self.cell = cell
        self._metrics = {task.name: metric_facts(task) for task in suite.tasks if task.name in cell.tasks}
        self.fault: Fault | None = None
        self.log = CurveLog(cell.tasks)
        self.checkpoints = Checkpoints(self._metrics)
        self.selected: Outcome | None = None
        self.last: Outcome | None = None
        self.at_equal_compute: Outcome | None = None

    def break_off(self, fault: Fault) -> None:
        """End the run without a result; its first fault is the one that is recorded."""
        self.fault = self.fault or fault
        self.selected = self.last = self.at_equal_compute = None

    def add_evaluation(self, step: int, validation: Scalars, geometry: Geometry) -> bool:
        """Note an evaluation; returns whether the present state is the selected checkpoint.

        A value that is not finite breaks the run off.
        """
        for task, metrics in validation.items():
            for metric, value in {**metrics, "norm of the gradient": geometry.norms[task]}.items():
                if not math.isfinite(value):
                    self.break_off(Fault(step, "diverged", f"{metric} of task {task!r} is {value}"))
                    return False
        return self.checkpoints.add(step, validation)

    def test_last(self, test: Scalars) -> None:
        """Note the test metrics of the latest checkpoint, at the end of training."""
        self.last = _outcome(self.checkpoints.latest, test)
        self.at_equal_compute = self.at_equal_compute or self.last

    def test_selected(self, test: Scalars) -> None:
        """Note the test metrics of the selected checkpoint."""
        self.selected = _outcome(self.checkpoints.selected, test)

    def record(self, engine: Engine | None, number: int, spent: Spent, facts: dict[str, str]) -> Record:
        """The record of the run, which was number ``number`` of the engine; ``facts`` describe the environment."""
        return Record(
            id=self.cell.id,
            cell=self.cell,
            status="done" if self.fault is None else self.fault.status,
            reason="" if self.fault is None else f"step {self.fault.step}: {self.fault.reason}",
            metrics=self._metrics,
            best=self.selected,
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
        certificate = engine.certificate(number) if steps else None
        if certificate is None:
            return None
        return Solver(residual=certificate.residual.item(), fallbacks=int(certificate.fallbacks.item()), steps=steps)


def _outcome(checkpoint: Checkpoint | None, test: Scalars) -> Outcome:
    assert checkpoint is not None, "an evaluation comes before the test"
    return Outcome(step=checkpoint.step, validation=checkpoint.validation, test=test)


def unfinished(cell: Cell, status: Status, reason: str, device: str) -> Record:
    """The record of a cell whose worker was lost: it says why, and has no numbers."""
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
    """The present time as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
