"""One cell: train, select on validation, test once; whatever happens, a record comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import perf_counter

import torch
from torch import Tensor

from balancers import Balancer, Need, NonFiniteError
from benchmarks.cost import Clock, PeakMemory
from benchmarks.curves import CurveLog
from benchmarks.environment import describe
from benchmarks.evaluate import evaluate, geometry
from benchmarks.loop import batches_of, evaluation_points, losses_of, make_optimizer, metric_facts, probe_of
from benchmarks.passes import Passes, noise_now
from benchmarks.records import Cell, Outcome, Record, Scalars, Solver, Status
from benchmarks.select import selection_score
from tasks.base import MultiTaskModel, Split, Splits, Suite, seed_for

Progress = Callable[[int, int], None]  # (steps done, steps in all)
Keep = Callable[[MultiTaskModel], None]

PROGRESS_REPORTS = 200  # per cell: often enough for a bar, rare enough to cost nothing


class _DivergedError(Exception):
    """Training left the finite numbers."""


def train(
    cell: Cell,
    suite: Suite,
    splits: Splits,
    device: torch.device,
    progress: Progress | None = None,
    keep: Keep | None = None,
) -> Record:
    """Run one cell on data that are on ``device``.

    Initialisation, data order and dropout noise depend on the seed alone, so that methods are compared in pairs; the
    global random generator is left as it was. ``keep`` is handed the model in the state chosen on validation.
    """
    began = perf_counter()
    memory = PeakMemory(device)
    status: Status = "done"
    reason, best, last = "", None, None
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        training = _Training(cell, suite, splits, device)
        try:
            training.fit(progress)
            best, last = training.outcomes()
        except (NonFiniteError, _DivergedError) as error:
            status, reason = "diverged", f"step {training.step}: {error}"
        except Exception as error:  # one cell must not take the others down
            status, reason = "failed", f"step {training.step}: {type(error).__name__}: {error}"
    record = Record(
        id=cell.id,
        cell=cell,
        status=status,
        reason=reason,
        metrics=training.facts,
        best=best,
        last=last,
        curves=training.log.curves,
        cost=training.clock.cost(perf_counter() - began, memory.read()),
        solver=training.solver(),
        environment=describe(device),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if keep is not None and best is not None:
        keep(training.model)
    return record


class _Training:
    """One cell while it trains."""

    def __init__(self, cell: Cell, suite: Suite, splits: Splits, device: torch.device) -> None:
        self.cell = cell
        self.suite = suite
        self.splits = splits
        self.device = device
        self.tasks = [task for task in suite.tasks if task.name in cell.tasks]
        self.facts = {task.name: metric_facts(task) for task in self.tasks}
        self.log = CurveLog(cell.tasks)
        self.clock = Clock(device)
        self.step = 0
        self.untrained: Scalars = {}  # validation metrics before the first step
        self.best_step, self.best_score = 0, math.inf
        self.best_state: dict[str, Tensor] = {}
        self.scores: dict[int, Scalars] = {}  # validation metrics at the best and at the last evaluation

    def fit(self, progress: Progress | None) -> None:
        """All steps, with an evaluation before the first, after the last and evenly in between."""
        self._build()
        total = self.cell.steps or (self.cell.epochs or 0) * math.ceil(len(self.splits.train) / self.cell.batch_size)
        points = evaluation_points(total, self.cell.evaluations)
        stride = max(1, total // PROGRESS_REPORTS)
        batches = batches_of(self.splits.train, self.cell.batch_size, self.cell.seed)
        self._observe()
        for self.step in range(1, total + 1):
            self._step(batches)
            if self.step in points:
                self._observe()
            if progress is not None and self.step % stride == 0:
                progress(self.step, total)

    def outcomes(self) -> tuple[Outcome, Outcome]:
        """The best and the last state on both splits; the model is left in the best."""
        last = self._outcome(self.step)
        if self.best_step == self.step:
            return last, last
        self.model.load_state_dict(self.best_state)
        return self._outcome(self.best_step), last

    def solver(self) -> Solver | None:
        """How well the method's equations were solved in the steps so far; none if it solves none."""
        if self.step == 0:  # there may be no balancer yet
            return None
        found = self.balancer.certificate
        if found is None:
            return None
        return Solver(residual=found.residual.item(), fallbacks=int(found.fallbacks.item()), steps=self.step)

    def _outcome(self, step: int) -> Outcome:
        test = evaluate(self.model, self.tasks, self.splits.test)
        return Outcome(step=step, validation=self.scores[step], test=test)

    def _build(self) -> None:
        cell = self.cell
        self.model = self.suite.build(cell.seed, cell.tasks).to(self.device)
        self.model.train()
        self.shared = self.model.shared_parameters()
        self.at = self.model.last_shared_parameters() if cell.place == "last" else None
        self.balancer = Balancer(
            cell.balancer,
            tasks=cell.tasks,
            heads=cell.heads,
            seed=seed_for("balancer", cell.seed),
            lower_bounds=[task.lower_bound for task in self.tasks],
            **cell.hyperparameters,
        ).to(self.device)
        if self.balancer.adapts:
            self.model.adapter = self.balancer
        self.optimizer = make_optimizer(cell.optimizer, self.model, cell.learning_rate)
        self.probe = probe_of(self.splits.train, cell.batch_size)
        self.passes = Passes(self.model, self.tasks, self.device)
        self.passes.draw_from(self.splits.train, cell.batch_size, cell.seed)
        self._forget()
        torch.manual_seed(seed_for("noise", cell.seed))  # last, whatever it took to build the model

    def _step(self, batches: Iterator[Split]) -> None:
        clock = self.clock
        needs = self.balancer.weighting.needs_now(self.balancer.state)
        clock.start(needs)
        noise = noise_now(self.device) if Need.LOSSES_AFTER in needs else []
        batch = next(batches)
        clock.lap("data")
        features, outputs = self.model(batch.inputs)
        losses = losses_of(self.tasks, outputs, batch)
        clock.lap("forward")
        others = self.passes.others() if Need.CROSS_GRAMIAN in needs else []
        clock.lap("others")
        weights = self.balancer.backward(
            losses,
            shared=self.shared,
            at=self.at,
            features=features if self.cell.place == "features" else None,
            others=others,
        )
        clock.lap("backward")
        self.optimizer.step()
        self.optimizer.zero_grad()
        clock.lap("optimizer")
        if Need.LOSSES_AFTER in needs:
            self.balancer.after_step(self.passes.again(batch, noise))
            clock.lap("after")
        clock.stop(self.balancer.weighting_seconds)
        self.loss_sum += torch.stack(list(losses.values())).detach()
        self.weight_sum += weights if weights.dim() == 1 else weights.mean(-1)
        self.summed += 1

    def _observe(self) -> None:
        """A point of the curves; the state is kept if it is the best so far."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise _DivergedError("a parameter is not finite")
        scores = evaluate(self.model, self.tasks, self.splits.validation)
        seen = geometry(self.model, self.tasks, self.probe)
        for task in self.tasks:
            for metric, value in {**scores[task.name], "norm of the gradient": seen.norms[task.name]}.items():
                if not math.isfinite(value):
                    raise _DivergedError(f"{metric} of task {task.name!r} is {value}")
        self.log.add(self.step, scores, seen, self.suite.snapshot(self.model))
        if self.summed:
            self.log.add_means(self.loss_sum / self.summed, self.weight_sum / self.summed)
        else:
            self.log.add_means(None, None)
        self._forget()
        self.untrained = self.untrained or scores
        score = selection_score(scores, self.untrained, self.facts)
        if score < self.best_score:
            self.best_step, self.best_score = self.step, score
            self.best_state = {name: value.clone() for name, value in self.model.state_dict().items()}
        kept = self.scores.get(self.best_step)
        self.scores = {self.step: scores} if kept is None else {self.best_step: kept, self.step: scores}

    def _forget(self) -> None:
        self.loss_sum = torch.zeros(len(self.tasks), device=self.device)
        self.weight_sum = torch.zeros(len(self.tasks), device=self.device)
        self.summed = 0
