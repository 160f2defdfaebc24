"""What a run is (`Cell`) and what it leaves behind (`Record`); both are JSON on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from enum import Enum, auto
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

RECORD_FORMAT = 1
SINGLE_TASK = "single-task"  # the row of the baselines: one model per task
FRONT = "front"  # the row of the fixed weights that stand for the front of weighted sums
SEED_STRIDE = 1000  # seeds that are equal modulo this number are the same repetition of one comparison

Precision = Literal["float32", "bfloat16"]  # of the forward and backward passes of training
Status = Literal["done", "diverged", "failed", "timed out"]
Scalars = dict[str, dict[str, float]]  # task -> metric -> value


class Frozen(BaseModel):
    """Data that check themselves and do not change; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(Enum):
    """What a field of a cell is about: whoever compares cells names the roles that must agree (`Cell.facts`)."""

    SUITE = auto()  # the problem, and what the protocol calls it
    TASKS = auto()  # which of its tasks are trained
    LABEL = auto()  # the row of the table
    METHOD = auto()  # the balancer
    WIRING = auto()  # what the balancer measures, and what heads follow
    POINT = auto()  # where a search, or the front of fixed weights, puts the method
    RATE = auto()  # the learning rate
    BATCH = auto()  # what one step sees
    TRAINING = auto()  # how parameters are updated and when the model is evaluated
    LENGTH = auto()  # how long the training is
    REPETITION = auto()  # the seed


ROLES = frozenset(Role)


class Cell(Frozen):
    """One training run, described completely: equal cells give equal records on the same machine.

    Every field says what it is about (`Role`), and nowhere else is it written down which fields make runs comparable.
    """

    suite: Annotated[str, Role.SUITE]
    suite_version: Annotated[int | str, Role.SUITE]  # a plug-in's has the digest of its file: a changed one runs anew
    suite_options: Annotated[dict[str, Any], Role.SUITE]
    tasks: Annotated[tuple[str, ...], Role.TASKS]  # all of the suite's, or one for a single-task baseline
    row: Annotated[str, Role.LABEL]  # the row of the table it belongs to: a method's label, or SINGLE_TASK
    balancer: Annotated[str, Role.METHOD]
    balancer_version: Annotated[int | str, Role.METHOD]  # likewise
    hyperparameters: Annotated[dict[str, Any], Role.POINT]
    heads: Annotated[Literal["own", "weighted"], Role.WIRING]
    place: Annotated[Literal["shared", "last", "features"], Role.WIRING]
    optimizer: Annotated[Literal["adam", "sgd"], Role.TRAINING]
    learning_rate: Annotated[float, Role.RATE]
    batch_size: Annotated[int, Role.BATCH]
    steps: Annotated[int | None, Role.LENGTH]  # exactly one of steps and epochs is set
    epochs: Annotated[int | None, Role.LENGTH]
    evaluations: Annotated[int, Role.TRAINING]  # how often, evenly spaced, the model is evaluated on validation
    seed: Annotated[int, Role.REPETITION]
    precision: Annotated[Precision, Role.TRAINING] = "float32"
    trial: Annotated[int, Role.POINT] = 0  # which point of a search, or of the front, its settings are
    halve_at: Annotated[tuple[int, ...], Role.LENGTH] = ()  # epochs after which the learning rate is halved
    variant: Annotated[str, Role.SUITE] = ""  # what the protocol calls the suite, where that is not its name

    @property
    def table(self) -> str:
        """The name of the suite's table in the protocol."""
        return self.variant or self.suite

    @property
    def problem(self) -> str:
        """The comparison group: the name of the table, and the optimizer unless it is Adam."""
        return self.table if self.optimizer == "adam" else f"{self.table} ({self.optimizer})"

    @property
    def repetition(self) -> int:
        """The number of the paired run: the seed, counted from 0 for copies with other seeds as well."""
        return self.seed % SEED_STRIDE

    @property
    def id(self) -> str:
        """A hash of the cell's canonical JSON without defaults, so that a new field changes no older id."""
        facts = _canonical(self.model_dump(mode="json", exclude_defaults=True))
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def facts(self, roles: Collection[Role]) -> str:
        """The fields of some roles as JSON: equal texts mean that two cells agree in all of them."""
        return _canonical(self.model_dump(mode="json", include={n for n, role in _ROLE_OF.items() if role in roles}))


def _canonical(facts: dict[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def _role(name: str) -> Role:
    (role,) = (fact for fact in Cell.model_fields[name].metadata if isinstance(fact, Role))
    return role


_ROLE_OF = {name: _role(name) for name in Cell.model_fields}


class MetricFact(Frozen):
    """What a table must know to read a metric."""

    name: str
    best: float
    higher_is_better: bool


class Outcome(Frozen):
    """The metrics of one state of the model on the two splits that training did not see."""

    step: int
    validation: Scalars
    test: Scalars


class Curves(Frozen):
    """What was seen along the way; every list is as long as ``step``. Step 0 is the untrained model."""

    step: list[int]
    train_loss: dict[str, list[float | None]]  # task -> mean since the point before; none at step 0
    validation: dict[str, dict[str, list[float]]]  # task -> metric
    weights: dict[str, list[float | None]]  # task -> mean weight since the point before; none at step 0
    norms: dict[str, list[float]]  # task -> norm of its gradient at all shared parameters, on one training batch
    cosines: dict[str, list[float]]  # "a|b" -> cosine of the two tasks' gradients on that batch
    snapshots: dict[str, list[list[float]]]  # the suite's own numbers about the model


class Cost(Frozen):
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


class Solver(Frozen):
    """How well a method's equations were solved over a whole run."""

    residual: float  # the largest relative violation of the optimality conditions among solved steps
    fallbacks: int  # steps that found no solution and took the method's documented way out
    steps: int  # all steps


class Record(Frozen):
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
