"""The page of the study of the cost of a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from benchmarks.analysis.statistics import geometric_mean
from benchmarks.reporting import markdown
from benchmarks.reporting.formats import NONE
from benchmarks.studies.page import Page, section
from benchmarks.studies.results import Origin
from benchmarks.studies.step_cost.aims import ALIKE, LARGE, aims
from benchmarks.studies.step_cost.checks import Check
from benchmarks.studies.step_cost.measure import Case
from benchmarks.studies.step_cost.operators import OperatorCount
from benchmarks.studies.step_cost.results import StepCostResults
from benchmarks.studies.step_cost.solvers import KINDS, Solve

INTRODUCTION = """\
A step is one forward and one backward pass that fill all gradients, without the optimizer. Every time is the median
processor time of one thread over several rounds; in a round all steps of a model take turns. A ratio is relative to the
plain step `losses.sum().backward()` of the same run. Other times are in milliseconds."""

SIGNS = {
    "K": "number of tasks",
    "shared": "gradients are measured at all shared parameters",
    "last": "gradients are measured at the last shared layer",
    "features": "gradients are measured at the shared representation",
    "measured": "the whole step was timed: all steps on `mlp`, and on the other models those of methods that look at "
    "the gradients themselves",
    "derived": "all other steps: the step with weights of 1, timed once for all methods with the same needs, plus the "
    "time for the weights alone, on the Gramian of the same model. The last table compares both.",
    "–": "not measured, or TorchJD has no such method",
}

DETAILS = """\
TorchJD's steps are `mtl_backward` and `jac_to_grad`, or a scalarizer and `backward`, with task and shared parameters
passed. At shared parameters it can work with `vmap` (its default), row by row, or form the Gramian by parts; the
fastest of the three is taken for every model and number of tasks. TorchJD has no function for steps at the features;
here they are `mtl_backward` to a copy of the features and a backward pass through the encoder.

`encoder-22m` has 22.6 million parameters, random weights, and 16 texts of 32 tokens. To save memory and time, methods
that look at the gradients themselves are measured at its shared parameters with 2 tasks only, and methods that need
three batches with up to 11. Its medians come from as few as 2 rounds, and steps that are derived from the same pair of
measurements are not independent of each other."""


def as_markdown(results: StepCostResults, origin: Origin) -> str:
    """Everything in tables of few columns, the summary first."""
    cases = results.cases
    sections = [
        INTRODUCTION,
        markdown.legend(tuple(SIGNS.items())),
        DETAILS,
        *section("Aims", "\n".join(aims(results))),
        *section("Operators", *_operators(results.operators)),
        *section(
            "Beside TorchJD",
            *_summary(_compared(cases)),
            _table(cases, "Our time over TorchJD's", lambda case: case.against, _compared(cases)),
        ),
        *section("Beside a plain step", *(_of_place(cases, place) for place in dict.fromkeys(c.place for c in cases))),
        *section("Weights alone", _weights(cases)),
        *section("Solvers alone", _solvers(cases, results.solves)),
        *section("Derived against measured", _checks(results.checks)),
    ]
    return Page("Cost of one balanced step", sections, origin).as_markdown()


def _compared(cases: Sequence[Case]) -> list[Case]:
    """Those for which TorchJD has the method."""
    return [case for case in cases if not math.isnan(case.against)]


def _summary(compared: Sequence[Case]) -> list[str]:
    """Who is faster, by place: how often, by how much, and where we are slowest."""
    if not compared:
        return []
    lines = []
    for place in ["all", *dict.fromkeys(case.place for case in compared)]:
        of_place = [case for case in compared if place in ("all", case.place)]
        ordered = sorted(of_place, key=lambda case: case.against)
        ratios = [case.against for case in ordered]
        mean = geometric_mean(ratios)
        no_slower = sum(ratio <= ALIKE for ratio in ratios) / len(ratios)
        slowest, fastest = _name(ordered[-1]), _name(ordered[0])
        lines.append([place, f"{len(ratios)}", f"{no_slower:.0%}", f"{mean:.2f}", slowest, fastest])
    head = ["place", "cases", "no slower", "geometric mean", "slowest", "fastest"]
    meanings = {
        "no slower": f"share of cases with at most {ALIKE} times TorchJD's time",
        "geometric mean": "of our time over TorchJD's",
    }
    return [markdown.table(head, lines, left=(0, 4, 5)), markdown.legend(tuple(meanings.items()))]


def _name(case: Case) -> str:
    return f"{case.against:.2f}: {case.method}, {case.model}, K={case.tasks}, {case.place}"


def _of_place(cases: Sequence[Case], place: str) -> str:
    title = f"Measured at: {place}" if place != "shared" else "Measured at all shared parameters, or not at all"
    return _table(cases, title, lambda case: case.ours / case.plain, [case for case in cases if case.place == place])


def _table(cases: Sequence[Case], title: str, value: Callable[[Case], float], chosen: Sequence[Case]) -> str:
    """A row per method, a column per model with its numbers of tasks in one cell."""
    if not chosen:
        return ""
    models = list(dict.fromkeys(case.model for case in chosen))
    counts = sorted({case.tasks for case in cases})
    rows: dict[tuple[str, str], dict[tuple[str, int], float]] = {}
    for case in chosen:
        rows.setdefault((case.method, case.place), {})[case.model, case.tasks] = value(case)
    several = len({place for _, place in rows}) > 1
    lines = []
    for (method, place), values in rows.items():
        cells = [" / ".join(_ratio(values.get((model, count))) for count in counts) for model in models]
        lines.append([method, *([place] if several else []), *cells])
    head = ["method", *(["place"] if several else []), *models]
    heading = f"**{title}**, for K = {', '.join(map(str, counts))}:"
    return f"{heading}\n\n{markdown.table(head, lines, left=range(1 + several))}"


def _weights(cases: Sequence[Case]) -> str:
    """The time for the weights in ms, on the model where it was measured that is the largest."""
    chosen = [case for case in cases if not math.isnan(case.weights) and case.place == "shared"]
    if not chosen:
        return ""
    largest = chosen[-1].model
    counts = sorted({case.tasks for case in chosen if case.model == largest})
    lines = []
    for method in dict.fromkeys(case.method for case in chosen):
        weights = {case.tasks: case.weights for case in chosen if (case.method, case.model) == (method, largest)}
        lines.append([method, *(_ms(weights.get(count)) for count in counts)])
    text = f"Milliseconds per step on the evidence of `{largest}`, {_ms_of_plain(cases, largest)}."
    return f"{text}\n\n{markdown.table(['method', *(f'K={count}' for count in counts)], lines)}"


def _ms_of_plain(cases: Iterable[Case], model: str) -> str:
    plain = {case.tasks: case.plain for case in cases if case.model == model}
    return "where a plain step takes " + ", ".join(f"{_ms(value)} (K={count})" for count, value in plain.items())


def _solvers(cases: Sequence[Case], solves: Sequence[Solve]) -> str:
    plain = [case.plain for case in cases if case.model == LARGE]
    counts = sorted({solve.tasks for solve in solves})
    share = f" In brackets: the share of a plain step of `{LARGE}` with the most tasks." if plain else ""
    lines = []
    for solver in dict.fromkeys(solve.solver for solve in solves):
        times = {(s.tasks, s.gradients): s.seconds for s in solves if s.solver == solver}
        cells = [" / ".join(_ms(times.get((count, kind))) for kind in KINDS) for count in counts]
        if plain:
            most = max(seconds for (tasks, _), seconds in times.items() if tasks == counts[-1])
            cells[-1] += f" ({most / plain[-1]:.0%})"
        lines.append([solver, *cells])
    text = (
        "Milliseconds for one Gramian of random gradients, linearly independent / dependent / independent with a mean "
        f"of 0, which is a stationary point.{share}"
    )
    return f"{text}\n\n{markdown.table(['solver', *(f'K={count}' for count in counts)], lines)}"


def _operators(counts: Sequence[OperatorCount]) -> list[str]:
    """A row per method, a column per model with its numbers of tasks in one cell."""
    if not counts:
        return []
    numbers = sorted({count.tasks for count in counts})
    models = list(dict.fromkeys(count.model for count in counts))
    cells = {(count.method, count.model, count.tasks): count for count in counts}
    lines = []
    for method, kind in dict.fromkeys((count.method, count.looks_at) for count in counts):
        shown = [" / ".join(_operators_of(cells[method, model, tasks]) for tasks in numbers) for model in models]
        theirs = [" / ".join(_peers_of(cells[method, model, tasks]) for tasks in numbers) for model in models]
        lines.append([method, kind, *(cell for pair in zip(shown, theirs, strict=True) for cell in pair)])
    heads = [head for model in models for head in (model, f"TorchJD, {model}")]
    text = (
        f"Operators of a step at all shared parameters for K = {', '.join(map(str, numbers))}; in brackets: divided by "
        "the bound. The bound is a plain step for methods that look at losses alone, else one forward pass and K "
        "backward passes. Views are not counted. TorchJD works row by row. `two-layer` is a network of two layers, "
        "`bert-12` a text encoder of twelve narrow ones."
    )
    return [text, markdown.table(["method", "looks at", *heads], lines, left=(0, 1))]


def _operators_of(count: OperatorCount) -> str:
    return f"{count.ours} ({count.ours / count.bound:.2f})"


def _peers_of(count: OperatorCount) -> str:
    return NONE if count.torchjd is None else f"{count.torchjd} ({count.torchjd / count.bound:.2f})"


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    lines = [
        [check.model, str(check.tasks), check.method, check.place, f"{check.derived:.2f}", f"{check.measured:.2f}"]
        for check in checks
    ]
    return markdown.table(["model", "K", "method", "place", "derived", "measured"], lines, left=(0, 2, 3))


def _ratio(value: float | None) -> str:
    return NONE if value is None or math.isnan(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _ms(seconds: float | None) -> str:
    return NONE if seconds is None else f"{1e3 * seconds:.3g}"
