"""Made-up but realistic records of the quick protocol, for tests of what is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmarks.records.record import SINGLE_TASK, Cell, Cost, Curves, MetricFact, Outcome, Record, Scalars, Status

ROWS = ("fixed", "uncertainty", "gradnorm", "pcgrad")
POINTS = 21
STEPS = 400
ACCURACY = MetricFact(name="accuracy", best=1.0, higher_is_better=True)
LOSS = MetricFact(name="loss", best=0.0, higher_is_better=False)


@dataclass(frozen=True)
class Problem:
    """The facts of a made-up suite."""

    tasks: tuple[str, ...]
    metrics: tuple[MetricFact, ...]
    level: float  # where the primary metric ends
    start: float  # where it begins
    seeds: int


PROBLEMS: dict[str, Problem] = {
    "plane": Problem(("L1", "L2"), (MetricFact(name="loss", best=-21.0, higher_is_better=False),), -17.0, 2.0, 5),
    "gradnorm-regression-2": Problem(("sigma-1", "sigma-100"), (LOSS,), 0.31, 1.6, 2),
    "gradnorm-regression-10": Problem(tuple(f"task-{k}" for k in range(10)), (LOSS,), 0.42, 1.6, 2),
    "multimnist": Problem(("left", "right"), (ACCURACY, LOSS), 0.91, 0.1, 2),
    "reviews": Problem(("sentiment", "domain", "rating"), (ACCURACY, LOSS), 0.72, 0.3, 1),
}
SKILL = {SINGLE_TASK: 0.0, "fixed": -0.01, "uncertainty": 0.012, "gradnorm": 0.005, "pcgrad": 0.02}
COST = {SINGLE_TASK: 0.6, "fixed": 1.0, "uncertainty": 1.03, "gradnorm": 1.4, "pcgrad": 1.9}


def protocol(suites: Iterable[str] = PROBLEMS, rows: Iterable[str] = ROWS, tuned: str = "") -> str:
    """The text of the protocol that the records could be of."""
    lines = ['name = "quick"', 'description = "a protocol"', *([f'tuned_reference = "{tuned}"'] if tuned else [])]
    lines += ["[defaults]", "seeds = 2", 'optimizer = "adam"', "learning_rates = [1e-3]", "batch_size = 128"]
    lines += [f"steps = {STEPS}", "evaluations = 20"]
    return "\n".join([*lines, *(f"[suites.{name}]" for name in suites), *(f"[methods.{row}]" for row in rows)]) + "\n"


def cell(suite: str, row: str, tasks: Iterable[str], seed: int, **changes: object) -> Cell:
    """A cell of the quick protocol."""
    fields: dict[str, object] = {
        "suite": suite,
        "suite_version": 1,
        "suite_options": {},
        "tasks": tuple(tasks),
        "row": row,
        "balancer": "fixed" if row == SINGLE_TASK else row,
        "balancer_version": 1,
        "hyperparameters": {},
        "heads": "own",
        "place": "shared",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "batch_size": 128,
        "steps": STEPS,
        "epochs": None,
        "evaluations": POINTS - 1,
        "seed": seed,
    }
    return Cell.model_validate(fields | changes)


def record(
    of: Cell,
    metrics: Mapping[str, list[MetricFact]],
    test: Scalars | None,
    *,
    last: Scalars | None = None,
    curves: Curves | None = None,
    seconds: float = 0.01,
    status: Status | None = None,
    reason: str = "",
) -> Record:
    """A record with the given test metrics, or a failed one without."""
    best = None if test is None else Outcome(step=STEPS, validation=test, test=test)
    end = None if test is None else Outcome(step=STEPS, validation=last or test, test=last or test)
    return Record(
        id=of.id,
        cell=of,
        status=status or ("done" if test is not None else "failed"),
        reason=reason,
        metrics=dict(metrics),
        best=best,
        last=end,
        curves=curves or empty_curves(of.tasks),
        cost=cost(seconds),
        environment={"python": "3.11.9", "torch": "2.13.0", "processor": "2 cores"},
        finished="2026-01-01T00:00:00+00:00",
    )


FORWARD = 0.0002  # seconds of a forward pass, the same for every method


def cost(seconds: float) -> Cost:
    """Parts of a step of ``seconds``."""
    return Cost(
        step=seconds,
        forward=FORWARD,
        backward=0.6 * seconds,
        weighting=0.05 * seconds,
        optimizer=0.1 * seconds,
        total=STEPS * seconds,
        peak_memory=400_000_000,
    )


def empty_curves(tasks: Iterable[str]) -> Curves:
    """Curves of a run that failed before its first evaluation."""
    return Curves(
        step=[],
        train_loss={task: [] for task in tasks},
        validation={},
        weights={task: [] for task in tasks},
        norms={task: [] for task in tasks},
        cosines={},
        snapshots={},
    )


def records(
    suites: Iterable[str] = tuple(PROBLEMS),
    rows: Iterable[str] = ROWS,
    *,
    failures: bool = True,
    baselines: bool = True,
) -> list[Record]:
    """All runs of the quick protocol; with ``failures``, GradNorm diverges once and one baseline fails."""
    found = []
    for suite in suites:
        problem = PROBLEMS[suite]
        cells = [cell(suite, SINGLE_TASK, (task,), s) for task in problem.tasks for s in range(problem.seeds)]
        cells = cells if baselines else []
        cells += [cell(suite, row, problem.tasks, s) for row in rows for s in range(problem.seeds)]
        found += [_run(c, problem, failures=failures) for c in cells]
    return found


def _run(of: Cell, problem: Problem, *, failures: bool) -> Record:
    rng = np.random.default_rng(abs(hash_of(of)))
    metrics = {task: list(problem.metrics) for task in of.tasks}
    curves = _curves(of, problem, rng)
    if failures and of.row == "gradnorm" and of.suite == "gradnorm-regression-10" and of.seed == 1:
        reason = "the loss of task 'task-3' is inf at step 140"
        return record(of, metrics, None, curves=_cut(curves, 7), status="diverged", reason=reason)
    if failures and of.suite == "multimnist" and of.tasks == ("right",) and of.seed == 1:
        return record(of, metrics, None, status="failed", reason="OSError: [Errno 28] No space left on device")
    value = {task: {m: v[-1] for m, v in curves.validation[task].items()} for task in of.tasks}
    last = {task: {m: v * 0.998 for m, v in found.items()} for task, found in value.items()}
    return record(of, metrics, value, last=last, curves=curves, seconds=0.012 * COST.get(of.row, 1.2))


def hash_of(of: Cell) -> int:
    """A number that is the same in every process."""
    return int(of.id[:8], 16)


def _curves(of: Cell, problem: Problem, rng: np.random.Generator) -> Curves:
    decay = np.exp(-np.linspace(0, 5, POINTS))
    primary = problem.metrics[0]
    validation: dict[str, dict[str, list[float]]] = {}
    losses: dict[str, list[float | None]] = {}
    for task in of.tasks:
        skill = SKILL.get(of.row, 0.0) * abs(problem.level) * (1 if primary.higher_is_better else -1)
        level = problem.level + skill + 0.006 * abs(problem.level) * rng.normal()
        wobble = 0.01 * abs(problem.level) * rng.normal(size=POINTS) * decay
        first = level + (problem.start - level) * decay + wobble
        loss = 0.3 + 2.0 * decay + 0.02 * rng.random(POINTS) if primary.higher_is_better else first + 0.01
        validation[task] = {primary.name: first.tolist()} | {m.name: loss.tolist() for m in problem.metrics[1:]}
        losses[task] = [None, *loss[1:].tolist()]
    return Curves(
        step=np.linspace(0, STEPS, POINTS).round().astype(int).tolist(),
        train_loss=losses,
        validation=validation,
        weights=_weights(of, rng),
        norms={task: (1 + 3 * decay * rng.random()).tolist() for task in of.tasks},
        cosines={
            f"{a}|{b}": np.clip(0.5 * decay - 0.1 + 0.15 * rng.normal(size=POINTS), -1, 1).tolist()
            for a, b in combinations(of.tasks, 2)
        },
        snapshots=_path(of) if of.suite == "plane" else {},
    )


def _weights(of: Cell, rng: np.random.Generator) -> dict[str, list[float | None]]:
    constant = of.row in ("fixed", SINGLE_TASK)
    walks = {task: np.ones(POINTS) if constant else 1 + np.cumsum(0.05 * rng.normal(size=POINTS)) for task in of.tasks}
    return {task: [None, *np.abs(walk[1:]).tolist()] for task, walk in walks.items()}


def _path(of: Cell) -> dict[str, list[list[float]]]:
    start = [(-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0)][of.seed]
    end = (7.0 if of.tasks == ("L1",) else -7.0 if of.tasks == ("L2",) else 0.6 * start[0], -8.4)
    t = np.linspace(0, 1, POINTS)
    bend = 0.6 * (1 + SKILL.get(of.row, 0.0) * 40) * np.sin(math.pi * t)
    return {
        "point": np.column_stack([(1 - t) * start[0] + t * end[0] + bend, (1 - t) * start[1] + t * end[1]]).tolist()
    }


def _cut(curves: Curves, points: int) -> Curves:
    """The curves of a run that ended early."""

    def cut(values: Mapping[str, list]) -> dict[str, list]:
        return {key: value[:points] for key, value in values.items()}

    return curves.model_copy(
        update={
            "step": curves.step[:points],
            "train_loss": cut(curves.train_loss),
            "validation": {task: cut(found) for task, found in curves.validation.items()},
            "weights": cut(curves.weights),
            "norms": cut(curves.norms),
            "cosines": cut(curves.cosines),
            "snapshots": cut(curves.snapshots),
        }
    )
