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
    """A step in units of the plain step beside it, because the machine's speed may have changed in between."""

    model: str
    tasks: int
    method: str
    place: str
    derived: float
    measured: float


def checks(cases: Sequence[Case]) -> Iterator[Check]:
    """On every model with derived times, the methods with the cheapest, the median and the dearest weights."""
    for model in dict.fromkeys(case.model for case in cases):
        for place in PLACES:
            wanted = (model, TASKS, place, DERIVED)
            found = sorted(
                (case for case in cases if (case.model, case.tasks, case.place, case.how) == wanted),
                key=lambda case: case.weights,
            )
            for case in (found[0], found[len(found) // 2], found[-1]) if len(found) > 2 else found:
                yield _check(case)


def _check(case: Case) -> Check:
    problem = build(case.model, case.tasks)
    bench = Bench(case.model, case.tasks, PLANS[case.model], problem)
    balanced = balanced_step(problem, Balancer(case.method, case.tasks), case.place)
    seconds = bench.time({PLAIN: plain_step(problem), OURS: balanced})
    measured = seconds[OURS] / seconds[PLAIN]
    return Check(case.model, case.tasks, case.method, case.place, case.ours / case.plain, measured)
