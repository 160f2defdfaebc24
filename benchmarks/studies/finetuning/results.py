"""What the transfer study finds out: one outcome per task, method and seed, on disk and summed up over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.analysis.scores import difference, percent, unit
from benchmarks.analysis.statistics import Estimate, estimate
from benchmarks.records.record import MetricFact, Record
from benchmarks.studies.finetuning.plan import Comparison
from benchmarks.studies.finetuning.tuning import Tuned
from benchmarks.studies.results import StudyResults, table
from benchmarks.training.finetune import best_within

BETWEEN = "; "  # the parts of a note

# The fine-tuning of a run on a task, at least so many epochs long, or why there is none.
Find = Callable[[Record, str, int], Tuned | str]


class TransferOutcome(NamedTuple):
    """One method's model of one seed beside single-task models, on one task: its primary metric on the test split.

    What is missing, because a run broke, is NaN.
    """

    suite: str
    task: str
    tasks: int  # of the suite
    row: str
    seed: int
    metric: str
    best: float  # the metric of a perfect model
    higher_is_better: bool
    trained: float  # E, epochs of the trainings
    more: int  # F, epochs of fine-tuning
    rate: float  # learning rate of fine-tuning, relative to the training
    cost: float  # c, of a multi-task step in single-task steps
    budget: float  # epochs that the single-task model goes on for
    plain: float  # the single-task model after E epochs
    multi: float  # the multi-task model as it is
    tuned: float  # the same, fine-tuned
    tuned_epoch: float  # where validation had it best
    single: float  # the single-task model at equal compute
    single_epoch: float
    note: str  # what broke

    @property
    def fact(self) -> MetricFact:
        """What must be known to read the metric."""
        return MetricFact(name=self.metric, best=self.best, higher_is_better=self.higher_is_better)


@dataclass(frozen=True)
class TransferResults(StudyResults):
    """All outcomes."""

    study = "transfer"

    outcomes: Sequence[TransferOutcome] = table("transfer.csv")


class Row(NamedTuple):
    """One method on one task, over seeds; differences are in percent, above 0 is better."""

    suite: str
    task: str
    row: str
    outcomes: list[TransferOutcome]

    def metric(self, state: str) -> Estimate:
        """Of one of the four states, over the seeds that have it."""
        return estimate(_finite(getattr(outcome, state) for outcome in self.outcomes))

    def ahead(self, state: str = "tuned", reference: str = "single") -> Estimate:
        """How far a state is ahead of another one in the same seed, in percent of the latter's mean over seeds."""
        per = unit(self.metric(reference).mean, self.outcomes[0].fact)
        ahead = [percent(difference(getattr(o, state), getattr(o, reference), o.fact), per) for o in self.outcomes]
        return estimate(_finite(ahead))


class _Best(NamedTuple):
    """The test metric of the best epoch, and which that is; NaN where there is none, and why."""

    value: float = math.nan
    epoch: float = math.nan
    lacks: str = ""


def outcomes(compared: Sequence[Comparison], more: int, rate: float, find: Find) -> list[TransferOutcome]:
    """All outcomes, in the order of the comparisons."""
    return [
        _outcome(comparison, row, seed, (more, rate), find)
        for comparison in compared
        for row, runs in comparison.methods.items()
        for seed in runs
    ]


def rows(several: Iterable[TransferOutcome]) -> list[Row]:
    """Outcomes by task and method, in their order."""
    by: dict[tuple[str, str, str], list[TransferOutcome]] = {}
    for outcome in several:
        by.setdefault((outcome.suite, outcome.task, outcome.row), []).append(outcome)
    return [Row(*key, of_row) for key, of_row in by.items()]


def _outcome(of: Comparison, row: str, seed: int, how: tuple[int, float], find: Find) -> TransferOutcome:
    more, rate = how
    fact, run, baseline = of.metrics[0], of.methods[row][seed], of.single.get(seed)
    budget = of.budgets.get(row)
    tuned = _chosen(run, of, more if budget is not None else None, find)
    single = _chosen(baseline, of, budget, find)
    both = ((row, tuned), ("single-task", single))
    lacking = [f"{name}: {best.lacks.replace(BETWEEN, ', ')}" for name, best in both if best.lacks]
    return TransferOutcome(
        suite=of.suite,
        task=of.task,
        tasks=of.tasks,
        row=row,
        seed=seed,
        metric=fact.name,
        best=fact.best,
        higher_is_better=fact.higher_is_better,
        trained=of.trained,
        more=more,
        rate=rate,
        cost=of.costs[row],
        budget=math.nan if budget is None else budget,
        plain=_as_it_is(baseline, of),
        multi=_as_it_is(run, of),
        tuned=tuned.value,
        tuned_epoch=tuned.epoch,
        single=single.value,
        single_epoch=single.epoch,
        note=BETWEEN.join(lacking),
    )


def _chosen(run: Record | None, of: Comparison, budget: int | None, find: Find) -> _Best:
    """The epoch that is best on validation within a budget."""
    if run is None:
        return _Best(lacks="not run")
    if run.status != "done":
        return _Best(lacks=f"{run.status} ({run.reason})")
    if budget is None:  # without the time of a step, which another run's note tells about
        return _Best()
    tuned = find(run, of.task, budget)
    if isinstance(tuned, str):
        return _Best(lacks=f"fine-tuning on {of.task} {tuned}")
    epoch = best_within(tuned.epochs, of.metrics, budget)
    return _Best(tuned.epochs[epoch].test[of.metrics[0].name], epoch)


def _as_it_is(run: Record | None, of: Comparison) -> float:
    return math.nan if run is None or run.best is None else run.best.test[of.task][of.metrics[0].name]


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]
