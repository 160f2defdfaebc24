"""Measure the steps of all methods on one model with one number of tasks.

Two ways. *In full*: the step is timed, in turn with the plain step and with TorchJD's. *Derived*: a step is what
is measured once for all methods of a sort (forward and backward passes, Gramian, filling of gradients, with weights of
1), plus the time that the method takes for its weights, measured alone on the same evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torchjd import aggregation

from balancers import Balancer, Draws, Evidence, Need, Sizes, Weighting, create
from benchmarks.studies.step_cost.models import Problem, build
from benchmarks.studies.step_cost.peers import PEERS, VARIANTS, equal_weights, features_step, peer_step, shared_step
from benchmarks.studies.step_cost.steps import Sort, balanced_step, bound_step, places, plain_step, probe, sort_of
from benchmarks.studies.timing import Effort, Step, alternate

PLAIN, BOUND, OURS, THEIRS = "plain", "bound", "ours", "torchjd"
MEASURED, DERIVED, NOT = "measured", "derived", ""
ON_GRADIENTS = (aggregation.ConFIG, aggregation.ExcessMTL, aggregation.GradDrop, aggregation.TrimmedMean)


class ModelPlan(NamedTuple):
    """What is measured on a model. Limits are numbers of tasks at shared parameters, where a large model takes long."""

    effort: Effort  # for what many methods rest on
    brief: Effort  # for one method
    in_full: bool = False  # every method; elsewhere only those that look at the gradients themselves
    gradients: float = math.inf  # for methods that look at the gradients themselves
    batches: float = math.inf  # for methods that look at three batches, and for TorchJD with all rows at once
    alone: Effort = Effort(0.05, fewest=3, most=200)  # for weights alone

    def times(self, factor: float) -> ModelPlan:
        """The plan with so many times the seconds."""
        return self._replace(**{name: getattr(self, name).times(factor) for name in ("effort", "brief", "alone")})


PLANS: dict[str, ModelPlan] = {
    "mlp": ModelPlan(Effort(1.5), Effort(1.0), in_full=True),
    "lenet": ModelPlan(Effort(4.0), Effort(1.0, fewest=2)),
    "transformer": ModelPlan(Effort(4.0), Effort(1.0, fewest=2)),
    "encoder-22m": ModelPlan(Effort(6.0, fewest=2), Effort(2.0, fewest=2), gradients=2, batches=11),
}


class Case(NamedTuple):
    """One method on one model; seconds, NaN where there is no such number."""

    model: str
    tasks: int
    method: str
    place: str
    plain: float
    ours: float
    how: str  # measured or derived
    weights: float  # of which for the weights, where derived
    torchjd: float
    torchjd_how: str  # measured, derived, or empty where there is none
    bound: float = math.nan  # of the forward pass and K backward passes, beside which the step was timed

    @property
    def against(self) -> float:
        """Our time over TorchJD's; NaN where that has no such method."""
        return self.ours / self.torchjd


@dataclass
class Bench:
    """A model with a number of tasks, and what has been measured on it for all methods together."""

    model: str
    tasks: int
    plan: ModelPlan
    problem: Problem
    plain: float = math.nan
    bound: float = math.nan
    around: dict[tuple[Sort, str], float] = field(default_factory=dict)  # by sort and place
    evidence: dict[tuple[Sort, str], Evidence] = field(default_factory=dict)
    around_torchjd: dict[str, float] = field(default_factory=dict)  # by place, in the fastest variant
    variant: str = "default"  # that is the fastest at shared parameters

    def clear(self) -> None:
        """Forget the gradients, as every training loop does."""
        for parameter in self.problem.parameters():
            parameter.grad = None

    def time(self, steps: dict[str, Step]) -> dict[str, float]:
        """Median seconds of every step that is possible."""
        return alternate(steps, self.clear, self.plan.brief)

    def places(self, weighting: Weighting) -> list[str]:
        """Where a method is measured."""
        most = math.inf
        if Need.GRADIENTS in weighting.needs:
            most = self.plan.gradients
        elif Need.CROSS_GRAMIAN in weighting.needs:
            most = self.plan.batches
        return [place for place in places(weighting) if place != "shared" or self.tasks <= most]

    def peer(self, method: str, place: str) -> Step | None:
        """TorchJD's step with its method of that name, if it has one."""
        if method not in PEERS:
            return None
        peer = PEERS[method](self.tasks)
        if place == "shared" and self.tasks > self.plan.gradients and isinstance(peer, ON_GRADIENTS):
            return None
        return peer_step(self.problem, peer, place, VARIANTS[self.variant])


def cases(model: str, tasks: int, methods: Sequence[str], effort: float = 1.0) -> Iterator[Case]:
    """All cases of a model with a number of tasks.

    Args:
        model: its name.
        tasks: how many.
        methods: their names.
        effort: how long to measure, in the usual time.
    """
    bench = Bench(model, tasks, PLANS[model].times(effort), build(model, tasks))
    weightings = {name: create(name) for name in methods}
    _measure_around(bench, {sort_of(weighting) for weighting in weightings.values()})
    for name, weighting in weightings.items():
        if bench.plan.in_full or Need.GRADIENTS in weighting.needs:
            yield from in_full(bench, name, weighting)
        else:
            yield from derived(bench, name, weighting)


def _measure_around(bench: Bench, sorts: set[Sort]) -> None:
    """The plain step, and steps whose weights cost nothing: of every sort, and TorchJD's."""
    balancers = {
        (sort, place): Balancer(probe(sort), bench.tasks)
        for sort in sorted(sorts, key=str)
        if Need.GRADIENTS not in sort.needs
        for place in bench.places(probe(sort))
    }
    ours = {f"{OURS} {key}": balanced_step(bench.problem, balancer, key[1]) for key, balancer in balancers.items()}
    theirs = {}
    for name, variant in VARIANTS.items():
        if bench.tasks <= bench.plan.batches or variant.chunk is not None:
            theirs[name] = shared_step(bench.problem, equal_weights(), variant)
    at_features = features_step(bench.problem, equal_weights())
    once = {PLAIN: plain_step(bench.problem), BOUND: bound_step(bench.problem)}
    steps = {**once, **ours, **theirs, "features": at_features}
    seconds = alternate(steps, bench.clear, bench.plan.effort)
    bench.plain, bench.bound = seconds[PLAIN], seconds[BOUND]
    bench.around = {key: seconds[f"{OURS} {key}"] for key in balancers}
    bench.evidence = {key: balancer.evidence for key, balancer in balancers.items()}
    bench.variant = min(theirs, key=lambda name: seconds[name])
    bench.around_torchjd = {"shared": seconds[bench.variant], "features": seconds["features"]}


def in_full(bench: Bench, name: str, weighting: Weighting) -> Iterator[Case]:
    """A method's steps at every place, measured in turn with the plain step and with TorchJD's."""
    steps = {PLAIN: plain_step(bench.problem)}
    for place in bench.places(weighting):
        steps[f"{OURS} {place}"] = balanced_step(bench.problem, Balancer(weighting, bench.tasks), place)
        peer = bench.peer(name, place)
        if peer is not None:
            steps[f"{THEIRS} {place}"] = peer
    seconds = bench.time(steps)
    for place in bench.places(weighting):
        ours, theirs = seconds[f"{OURS} {place}"], seconds.get(f"{THEIRS} {place}", math.nan)
        numbers = (seconds[PLAIN], ours, MEASURED, math.nan, theirs)
        yield Case(bench.model, bench.tasks, name, place, *numbers, NOT if math.isnan(theirs) else MEASURED)


def derived(bench: Bench, name: str, weighting: Weighting) -> Iterator[Case]:
    """A method's steps as the sum of what is around the weights and the time for the weights."""
    sort = sort_of(weighting)
    for place in bench.places(weighting):
        evidence = bench.evidence[sort, place]
        weights = _seconds_of_weights(weighting, evidence, bench.plan.alone)
        theirs, how = _peers_time(bench, name, place, evidence)
        numbers = (bench.plain, bench.around[sort, place] + weights, DERIVED, weights, theirs)
        yield Case(bench.model, bench.tasks, name, place, *numbers, how, bench.bound)


@torch.no_grad()
def _seconds_of_weights(weighting: Weighting, evidence: Evidence, effort: Effort) -> float:
    """The median time of one update of a method on evidence that stays the same."""
    state, draws = weighting.init(Sizes(evidence.losses.shape[-1])), Draws.seeded(0)

    def update() -> None:
        nonlocal state
        _, state = weighting.update(evidence, state, draws)
        if Need.LOSSES_AFTER in weighting.needs:
            state = weighting.after(0.999 * evidence.losses, state)

    return alternate({OURS: update}, lambda: None, effort)[OURS]


def _peers_time(bench: Bench, name: str, place: str, evidence: Evidence) -> tuple[float, str]:
    """TorchJD's step: derived in the same way where its method looks at a Gramian, measured elsewhere."""
    peer = PEERS[name](bench.tasks) if name in PEERS else None
    if isinstance(peer, aggregation.GramianWeightedAggregator) and place in bench.around_torchjd:
        gramian = evidence.gramian.float()
        seconds = alternate({THEIRS: lambda: peer.gramian_weighting(gramian)}, lambda: None, bench.plan.alone)
        return (bench.around_torchjd[place] + seconds[THEIRS], DERIVED) if seconds else (math.nan, NOT)
    step = bench.peer(name, place)
    seconds = bench.time({THEIRS: step}) if step is not None else {}
    return (seconds[THEIRS], MEASURED) if seconds else (math.nan, NOT)
