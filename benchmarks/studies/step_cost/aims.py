"""The aims for the cost of a step, and whether they are reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from balancers import Need, create, names
from benchmarks.analysis.statistics import geometric_mean
from benchmarks.studies.step_cost.checks import Check
from benchmarks.studies.step_cost.measure import Case
from benchmarks.studies.step_cost.operators import GRAMIAN, LOSSES, OperatorCount, looks_at
from benchmarks.studies.step_cost.results import StepCostResults
from benchmarks.studies.step_cost.solvers import STATIONARY, Solve

LARGE, SMALL = "encoder-22m", "mlp"  # models of the aims
ALIKE, MOST = 1.05, 0.95  # ratios up to here are no difference; the share of cases that may not be slower
MEAN = 0.80  # our time over TorchJD's on the small model
EXACT = 1.05  # a step over the forward pass and K backward passes, on the large model
FACTOR, MORE, MORE_OF_LOSSES = 1.10, 40, 30  # operators: F * bound + M; and beside a plain step
OVERHEAD = 60e-6  # seconds over a plain step
FEW, MANY, VERY_MANY = 11, 40, 100  # tasks
SOLVERS = {FEW: 1e-4, MANY: 1e-3}  # seconds up to so many tasks
DEARER = {"CAGrad": {FEW: 2e-4}, "ConicGrad": {FEW: 2e-4}, "UPGrad": {MANY: 5e-3, VERY_MANY: 5e-2}}


def aims(results: StepCostResults) -> list[str]:
    """A line for each aim that can be judged."""
    return [
        *_operators(results.operators),
        *_overhead(results.cases),
        *_solvers(results.solves),
        *_against_torchjd(results.cases),
        *_exact(results.cases),
        *_accuracy(results.checks),
    ]


def limit_of(solve: Solve) -> float | None:
    """The most seconds that a solver is to take; none where there is no aim. At a stationary point it is twice that."""
    limits: dict[int, float] = dict(SOLVERS)
    for method, others in DEARER.items():
        if f"({method})" in solve.solver:
            limits |= others
    usual = next((limits[tasks] for tasks in sorted(limits) if solve.tasks <= tasks), None)
    return usual and usual * (2 if solve.gradients == STATIONARY else 1)


def _operators(counts: Sequence[OperatorCount]) -> list[str]:
    lines = []
    exact = [(count, count.ours - FACTOR * count.bound - MORE) for count in counts if count.looks_at == GRAMIAN]
    if exact:
        count, excess = max(exact, key=lambda pair: pair[1])
        aim = f"Methods that look at a Gramian: at most {FACTOR:.2f} times the operators of the bound, and {MORE} more"
        lines.append(_line(excess <= 0, aim, f"`{count.method}`, {_where(count)}: {count.ours} beside {count.bound}"))
    plain = [count for count in counts if count.looks_at == LOSSES and not _passes_again(count.method)]
    if plain:
        count = max(plain, key=lambda each: each.ours - each.bound)
        more = count.ours - count.bound
        aim = f"Methods that look at losses alone: at most {MORE_OF_LOSSES} operators more than a plain step"
        lines.append(_line(more <= MORE_OF_LOSSES, aim, f"`{count.method}`, {_where(count)}: {more} more"))
    return lines


def _overhead(cases: Sequence[Case]) -> list[str]:
    of_losses = [c for c in cases if c.model == SMALL and _kind(c.method) == LOSSES and not _passes_again(c.method)]
    if not of_losses:
        return []
    worst = max(of_losses, key=lambda case: case.ours - case.plain)
    seconds = worst.ours - worst.plain
    aim = f"The same on `{SMALL}`: at most {1e6 * OVERHEAD:.0f} µs more than a plain step"
    return [_line(seconds <= OVERHEAD, aim, f"`{worst.method}`, K={worst.tasks}: {1e6 * seconds:.0f} µs")]


def _solvers(solves: Sequence[Solve]) -> list[str]:
    judged = [(solve, limit) for solve in solves if (limit := limit_of(solve)) is not None]
    if not judged:
        return []
    late = [
        f"{solve.solver}, K={solve.tasks}, {solve.gradients}: {1e3 * solve.seconds:.2g} of {1e3 * limit:.2g} ms"
        for solve, limit in judged
        if solve.seconds > limit
    ]
    aim = (
        f"Solvers: {1e3 * SOLVERS[FEW]:g} ms up to K = {FEW} (CAGrad, ConicGrad 0.2), {1e3 * SOLVERS[MANY]:g} ms up to "
        f"{MANY} (UPGrad 5), UPGrad 50 ms at {VERY_MANY}; twice that at a stationary point"
    )
    named = "; ".join(late) if late else "none takes longer"
    return [_line(not late, aim, f"{len(judged) - len(late)} of {len(judged)} in time; {named}")]


def _against_torchjd(cases: Sequence[Case]) -> list[str]:
    compared = [case for case in cases if not math.isnan(case.against)]
    if not compared:
        return []
    worst = max(compared, key=lambda case: case.against)
    share = sum(case.against <= ALIKE for case in compared) / len(compared)
    aim = f"No slower than TorchJD by more than {ALIKE - 1:.0%} in at least {MOST:.0%} of the cases"
    where = f"`{worst.method}`, {worst.model}, K={worst.tasks}, {worst.place}"
    lines = [
        _line(share >= MOST, aim, f"in {share:.1%} of {len(compared)}; at most {worst.against:.2f} times ({where})")
    ]
    small = [case.against for case in compared if case.model == SMALL]
    if small:
        mean = geometric_mean(small)
        aim = f"Our time over TorchJD's on `{SMALL}`: at most {MEAN:.2f} in the geometric mean"
        lines.append(_line(mean <= MEAN, aim, f"{mean:.2f}"))
    return lines


def _exact(cases: Sequence[Case]) -> list[str]:
    bounded = [c for c in cases if c.model == LARGE and c.place == "shared" and not math.isnan(c.bound)]
    exact = [case for case in bounded if _kind(case.method) == GRAMIAN]
    if not exact:
        return []
    worst = max(exact, key=lambda case: case.ours / case.bound)
    ratio = worst.ours / worst.bound
    aim = f"Methods that look at a Gramian, on `{LARGE}`: at most {EXACT} times the forward pass and K backward passes"
    return [_line(ratio <= EXACT, aim, f"`{worst.method}`, K={worst.tasks}: {ratio:.2f}")]


def _accuracy(checks: Sequence[Check]) -> list[str]:
    if not checks:
        return []
    off = max(abs(check.derived / check.measured - 1) for check in checks)
    return [
        f"- *Accuracy*: derived steps differ from those measured in full by up to {off:.0%} (last table). "
        "A smaller difference between two ratios means nothing."
    ]


def _line(met: bool, aim: str, worst: str) -> str:
    return f"- *{aim}*: {'met' if met else 'missed'} ({worst})."


def _where(count: OperatorCount) -> str:
    return f"{count.model}, K={count.tasks}"


@cache
def _kind(method: str) -> str:
    return looks_at(create(method)) if method in names() else ""


@cache
def _passes_again(method: str) -> bool:
    """Whether a method needs another forward pass after the step."""
    return Need.LOSSES_AFTER in create(method).needs
