"""The aims for the cost of a step, and whether they are reached."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.analysis.statistics import geometric_mean
from benchmarks.studies.step_cost.checks import Check
from benchmarks.studies.step_cost.measure import Case
from benchmarks.studies.step_cost.solvers import Solve

LARGE = "encoder-22m"  # whose plain step the weights and the solvers are compared with
ALIKE = 1.02  # ratios up to here are no difference
SHARE, FEATURES, FEW, MANY = 0.05, 1.15, 11, 40
DEAREST = ("fairgrad", "nash-mtl")  # for which published codes take 9 to 12 plain steps with 40 tasks


def aims(cases: Sequence[Case], solves: Sequence[Solve], checks: Sequence[Check]) -> list[str]:
    """A line for each aim that can be judged."""
    lines = [*_against_torchjd(cases), *_weights(cases), *_solvers(cases, solves), *_features(cases), *_dearest(cases)]
    if checks:
        off = max(abs(check.derived / check.measured - 1) for check in checks)
        lines.append(
            f"- *Accuracy*: derived steps differ from those measured in full by up to {off:.0%} (last table). "
            "A smaller difference between two ratios means nothing."
        )
    return lines


def _against_torchjd(cases: Sequence[Case]) -> list[str]:
    ratios = [case.against for case in cases if not math.isnan(case.against)]
    if not ratios:
        return []
    slower = sum(ratio > ALIKE for ratio in ratios)
    faster = 1 / geometric_mean(ratios)
    return [
        f"- *No slower than TorchJD anywhere*: slower in {slower} of {len(ratios)} cases, at most {max(ratios):.2f} "
        "times as slow.",
        f"- *Twice as fast in the geometric mean*: {faster:.2f} times as fast. Both spend most of a step in the same "
        "backward passes.",
    ]


def _weights(cases: Sequence[Case]) -> list[str]:
    derived = [c for c in cases if c.model == LARGE and c.tasks <= MANY and not math.isnan(c.weights)]
    if not derived:
        return []
    worst = max(derived, key=lambda case: case.weights / case.plain)
    share = worst.weights / worst.plain
    return [
        f"- *Weights below {SHARE:.0%} of a plain step of `{LARGE}`, up to {MANY} tasks*: at most {share:.1%} on its "
        f"own gradients (`{worst.method}`, K={worst.tasks})."
    ]


def _solvers(cases: Sequence[Case], solves: Sequence[Solve]) -> list[str]:
    plain = [case.plain for case in cases if case.model == LARGE]
    above = [s for s in solves if plain and s.tasks <= MANY and s.seconds > SHARE * plain[-1]]
    if not above:
        return []
    named = "; ".join(f"{s.solver}, K={s.tasks}, {s.gradients}: {s.seconds / plain[-1]:.0%}" for s in above)
    return [f"- The same on random gradients: missed by {named}."]


def _features(cases: Sequence[Case]) -> list[str]:
    at_features = [c for c in cases if c.model == LARGE and c.place == "features" and c.tasks <= FEW]
    if not at_features:
        return []
    worst = max(at_features, key=lambda case: case.ours / case.plain)
    return [
        f"- *At the features within {FEATURES} of a plain step of `{LARGE}`, up to {FEW} tasks*: at most "
        f"{worst.ours / worst.plain:.2f} (`{worst.method}`, K={worst.tasks})."
    ]


def _dearest(cases: Sequence[Case]) -> list[str]:
    dearest = [c for c in cases if c.model == LARGE and c.tasks == MANY and c.method in DEAREST]
    if not dearest:
        return []
    named = "; ".join(f"`{c.method}` at {c.place}: {c.ours / c.plain:.1f}" for c in dearest)
    return [
        f"- *FairGrad and Nash-MTL with {MANY} tasks*: the published code takes 9 to 12 plain steps on its own models. "
        f"Here, on `{LARGE}`: {named}. At all shared parameters, {MANY} of these are backward passes."
    ]
