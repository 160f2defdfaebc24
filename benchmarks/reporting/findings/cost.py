"""The cost of methods: time, passes, their own mathematics, memory, and equations without a solution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from balancers import create
from balancers.step.compute import relative_compute
from benchmarks.analysis.means import mean_of, median_of_known
from benchmarks.analysis.order import best_first
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import geometric_mean
from benchmarks.records.record import Record, Solver
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Legend, ReportBlock
from benchmarks.reporting.words import listed

TEXT = "The cost of a training step. Ratios are relative to equal weights."
LEGEND: Legend = (
    (
        "a suite",
        "time of a training step relative to equal weights; each time is divided by the time of a forward pass in "
        "the same run",
    ),
    (
        "by passes",
        "the same ratio if only passes through the encoder counted; it does not depend on the machine; geometric "
        "mean over suites",
    ),
    (
        "own mathematics",
        "share of a step that the method spends on its weights after gradients are measured, in percent; mean over "
        "suites",
    ),
    (
        "memory",
        "peak memory relative to equal weights, geometric mean over suites; on a CPU, and for runs that train "
        "together, the memory of the whole process",
    ),
    (
        "fallbacks",
        "steps in which the equations of the method had no solution, out of all steps; the method then used its "
        "fallback",
    ),
    ("residual", "largest relative violation of the method's optimality conditions in the other steps"),
    ("–", "unknown, or the method solves no equations"),
)


def block(results: Results) -> ReportBlock | None:
    """The cost of every method; none without a finished run whose cost is known."""
    if all(record.cost is None for record in results.records):
        return None
    rows, suites = best_first(results.aggregates), results.aggregates.suites
    passes = {
        row: geometric_mean_of_all(by_passes(_runs(results, suite.name, row)) for suite in suites) for row in rows
    }
    lines = []
    for row in rows:
        runs = [_runs(results, suite.name, row) for suite in suites]
        times = [summary.cost if (summary := suite.row(row)) else math.nan for suite in suites]
        solved = solver([run for on_suite in runs for run in on_suite])
        lines.append(
            [
                row,
                *map(formats.ratio, times),
                formats.ratio(passes[row]),
                formats.plain(100 * mean_of(map(own_share, runs)), 1),
                formats.ratio(geometric_mean_of_all(memory(results, suite.name, row) for suite in suites)),
                formats.count(solved.fallbacks, solved.steps) if solved else formats.NONE,
                formats.number(solved.residual) if solved else formats.NONE,
            ]
        )
    head = ["method", *(s.name for s in suites), "by passes", "own mathematics", "memory", "fallbacks", "residual"]
    return ReportBlock("cost", "Cost of methods", TEXT, (head, lines), tuple(_sentences(results, passes)), LEGEND)


def _runs(results: Results, suite: str, row: str) -> list[Record]:
    return [record for record in results.of(suite) if record.cell.row == row]


def geometric_mean_of_all(values: Iterable[float]) -> float:
    """The geometric mean; NaN if any value is NaN or 0."""
    kept = list(values)
    return geometric_mean(kept) if all(value > 0 for value in kept) else math.nan


def by_passes(runs: Sequence[Record]) -> float:
    """Compute of a step in passes, relative to equal weights; NaN without runs or if the method is unknown."""
    if not runs:
        return math.nan
    cell = runs[0].cell
    try:
        method = create(cell.balancer, **cell.hyperparameters)
    except ValueError:  # it came from a plug-in
        return math.nan
    return relative_compute(method, cell.place, len(cell.tasks))


def own_share(runs: Sequence[Record]) -> float:
    """Share of a step that the weighting's own mathematics takes: median over the runs; NaN without any."""
    return median_of_known(run.cost.weighting / run.cost.step for run in runs if run.cost)


def memory(results: Results, suite: str, row: str) -> float:
    """Peak memory relative to equal weights: the ratio of the medians over runs; NaN where it is unknown."""
    ours, theirs = (
        median_of_known(float(run.cost.peak_memory) for run in _runs(results, suite, name) if run.cost)
        for name in (row, results.aggregates.equal_weights)
    )
    return ours / theirs if theirs else math.nan


def solver(runs: Sequence[Record]) -> Solver | None:
    """The fallbacks and the largest residual of these runs together; none if the method solves no equations."""
    solvers = [run.solver for run in runs if run.solver is not None]
    if not solvers:
        return None
    residual = max(each.residual for each in solvers)
    return Solver(residual=residual, fallbacks=sum(s.fallbacks for s in solvers), steps=sum(s.steps for s in solvers))


def _sentences(results: Results, passes: dict[str, float]) -> list[str]:
    sentences = []
    costs = {summary.row: summary.cost for summary in results.aggregates.overall if math.isfinite(summary.cost)}
    if costs:
        dearest = max(costs, key=lambda method: costs[method])
        middle = formats.ratio(float(np.median(list(costs.values()))))
        sentences.append(
            f"A step of the median method takes {middle} the time of an equal-weights step. {dearest} is the most "
            f"expensive method: {formats.ratio(costs[dearest])}."
        )
    above = [method for method, cost in costs.items() if cost > 2 * passes[method]]
    if above:
        sentences.append(f"More than twice the cost that passes explain: {listed(above)}.")
    by_method = {method: solver([r for r in results.records if r.cell.row == method]) for method in passes}
    solvers = {method: solved for method, solved in by_method.items() if solved}
    fell = [
        f"{method} in {solved.fallbacks} of {solved.steps} steps"
        for method, solved in solvers.items()
        if solved.fallbacks
    ]
    if fell:
        sentences.append(f"Steps without a solution: {listed(fell)}.")
    elif solvers:
        sentences.append(f"{listed(list(solvers))} solve equations, and found a solution in every step.")
    return sentences
