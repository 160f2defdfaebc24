"""What a run is (`Cell`) and what it leaves behind (`Record`); both are JSON on disk."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

RECORD_FORMAT = 1
SINGLE_TASK = "single-task"  # the row of the baselines: one model per task
FRONT = "front"  # the row of the fixed weights that stand for the front of weighted sums
SEED_STRIDE = 1000  # seeds that are equal modulo this number are the same repetition of one comparison

Precision = Literal["float32", "bfloat16"]  # of the forward and backward passes of training
Status = Literal["done", "diverged", "failed", "timed out"]
Scalars = dict[str, dict[str, float]]  # task -> metric -> value


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(_Frozen):
    """One training run, described completely: equal cells give equal records on the same machine."""

    suite: str  # versions are those of a plug-in with the digest of its file, so that a changed file runs anew
    suite_version: int | str
    suite_options: dict[str, Any]
    tasks: tuple[str, ...]  # the tasks that are trained: all of the suite's, or one for a single-task baseline
    row: str  # the row of the table it belongs to: a method's label, or SINGLE_TASK
    balancer: str
    balancer_version: int | str
    hyperparameters: dict[str, Any]
    heads: Literal["own", "weighted"]
    place: Literal["shared", "last", "features"]
    optimizer: Literal["adam", "sgd"]
    learning_rate: float
    batch_size: int
    steps: int | None  # exactly one of steps and epochs is set
    epochs: int | None
    evaluations: int  # how often, evenly spaced, the model is evaluated on validation
    seed: int
    precision: Precision = "float32"
    trial: int = 0  # which point of a search, or of the front, its settings are
    halve_at: tuple[int, ...] = ()  # epochs after which the learning rate of encoder and heads is halved
    variant: str = ""  # what the protocol calls the suite, where that is not its name

    @property
    def table(self) -> str:
        """The protocol's table of the suite."""
        return self.variant or self.suite

    @property
    def problem(self) -> str:
        """What it is compared within: the suite by the protocol's name, and the optimizer where it is not the usual."""
        return self.table if self.optimizer == "adam" else f"{self.table} ({self.optimizer})"

    @property
    def repetition(self) -> int:
        """Which of the paired runs it is: the seed, counted from 0 for copies with other seeds as well."""
        return self.seed % SEED_STRIDE

    @property
    def id(self) -> str:
        """A hash of the cell's canonical JSON, in which a default is left out: what came later changes no older id."""
        facts = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class MetricFact(_Frozen):
    """What a table must know to read a metric."""

    name: str
    best: float
    higher_is_better: bool


class Outcome(_Frozen):
    """The metrics of one state of the model on the two splits that training did not see."""

    step: int
    validation: Scalars
    test: Scalars


class Curves(_Frozen):
    """What was seen along the way; every list is as long as ``step``. Step 0 is the untrained model."""

    step: list[int]
    train_loss: dict[str, list[float | None]]  # task -> mean since the point before; none at step 0
    validation: dict[str, dict[str, list[float]]]  # task -> metric
    weights: dict[str, list[float | None]]  # task -> mean weight since the point before; none at step 0
    norms: dict[str, list[float]]  # task -> norm of its gradient at all shared parameters, on one training batch
    cosines: dict[str, list[float]]  # "a|b" -> cosine of the two tasks' gradients on that batch
    snapshots: dict[str, list[list[float]]]  # the suite's own numbers about the model


class Cost(_Frozen):
    """Seconds of a training step; evaluation and measuring for the curves are outside of them.

    They are medians; where steps are of several kinds (new weights in every n-th step alone), the mean of the kinds'
    medians over all steps.
    """

    step: float  # all parts, and what else a method needs: other batches, the losses after the step
    forward: float
    backward: float  # the balancer's whole work: gradients, weights, filling .grad
    weighting: float  # of which the weighting's own mathematics
    optimizer: float
    total: float  # wall time of the cell, everything included; of replicas, an equal share
    peak_memory: int  # bytes: the process on a CPU, allocated on the device on a GPU
    trained: float | None = None  # of the wall time, what training steps took
    evaluated: float | None = None  # and the metrics on validation and test


class Solver(_Frozen):
    """How well a method's equations were solved over a whole run."""

    residual: float  # the largest relative violation of the optimality conditions among solved steps
    fallbacks: int  # steps that found no solution and took the method's documented way out
    steps: int  # all steps


class Record(_Frozen):
    """The outcome of one cell. What has a default came later, and earlier records lack it."""

    format: Literal[1] = RECORD_FORMAT
    id: str
    cell: Cell
    status: Status
    reason: str  # empty when done
    metrics: dict[str, list[MetricFact]]  # task -> metrics, the primary one first
    best: Outcome | None  # the evaluation chosen on validation; none unless done
    last: Outcome | None  # the end of training; none unless done
    at_equal_compute: Outcome | None = None  # after as much compute as equal weights spend on all their steps
    curves: Curves
    cost: Cost | None
    solver: Solver | None = None  # none if the method solves no equations
    replicas: int = 1  # how many cells took their steps together with this one, itself included
    environment: dict[str, str]
    finished: str  # ISO time
