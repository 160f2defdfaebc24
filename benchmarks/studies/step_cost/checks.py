"""Whether derived times are right: some methods are run in full as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from balancers import Balancer
from benchmarks.studies.step_cost.measure import DERIVED, OURS, PLAIN, PLANS, Bench, Case
from benchmarks.studies.step_cost.models import build
from benchmarks.studies.step_cost.steps import balanced_step, plain_step

TASKS, PLACES = 3, ("shared", "features")  # of the methods that are run in full


class Check(NamedTuple):
    """A step in units of the plain step that was timed beside it, because the speed of a machine changes."""

    model: str
    tasks: int
    method: str
    place: str
    derived: float
    measured: float


def checks(cases: Sequence[Case], effort: float = 1.0) -> Iterator[Check]:
    """Measure three methods in full on every model with derived times: with the cheapest, median and dearest weights.

    Args:
        cases: those with derived times among others.
        effort: how long to measure, in the usual time.
    """
    for model in dict.fromkeys(case.model for case in cases):
        for place in PLACES:
            wanted = (model, TASKS, place, DERIVED)
            by_weights = sorted(
                (case for case in cases if (case.model, case.tasks, case.place, case.how) == wanted),
                key=lambda case: case.weights,
            )
            middle = len(by_weights) // 2
            chosen = (by_weights[0], by_weights[middle], by_weights[-1]) if len(by_weights) > 2 else by_weights
            for case in chosen:
                yield _check(case, effort)


def _check(case: Case, effort: float) -> Check:
    problem = build(case.model, case.tasks)
    bench = Bench(case.model, case.tasks, PLANS[case.model].times(effort), problem)
    balanced = balanced_step(problem, Balancer(case.method, case.tasks), case.place)
    seconds = bench.time({PLAIN: plain_step(problem), OURS: balanced})
    measured = seconds[OURS] / seconds[PLAIN]
    return Check(case.model, case.tasks, case.method, case.place, case.ours / case.plain, measured)
