"""What methods cost: time, passes, their own mathematics, memory, and equations left unsolved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from balancers import create
from benchmarks.analysis.results import Results
from benchmarks.analysis.statistics import geometric_mean
from benchmarks.records.compute import relative_compute
from benchmarks.records.record import Record, Solver
from benchmarks.reporting import formats
from benchmarks.reporting.blocks import Block
from benchmarks.words import listed, mean_of, median_of_known, methods

TEXT = (
    "Under each suite, the time of a training step in those of equal weights, each in forward passes of its own run. "
    "*By passes*: what it would be if only passes through the encoder counted, the same on every machine. "
    "*Own mathematics*: the share of a step, in percent, that the method spends on its weights once gradients are "
    "measured. *Memory*: peak memory relative to equal weights; on a CPU, and of runs that train together, that of the "
    "whole process with everything in it. These are means over suites, geometric ones for ratios. *Fallbacks*: steps "
    "in which the method's equations had no solution and it took its way out, of all steps of the runs that count. "
    "*Residual*: the largest relative violation of its optimality conditions in the other steps."
)


def block(study: Results) -> Block | None:
    """The cost of every row; none without a finished run whose cost is known."""
    if all(record.cost is None for record in study.records):
        return None
    rows, suites = methods(study.aggregates), study.aggregates.suites
    passes = {row: geometric_mean_of_all(by_passes(_runs(study, suite.name, row)) for suite in suites) for row in rows}
    lines = []
    for row in rows:
        runs = [_runs(study, suite.name, row) for suite in suites]
        times = [found.cost if (found := suite.row(row)) else math.nan for suite in suites]
        solved = solver([run for on_suite in runs for run in on_suite])
        lines.append(
            [
                row,
                *map(formats.ratio, times),
                formats.ratio(passes[row]),
                formats.plain(100 * mean_of(map(own_share, runs)), 1),
                formats.ratio(geometric_mean_of_all(memory(study, suite.name, row) for suite in suites)),
                formats.count(solved.fallbacks, solved.steps) if solved else formats.NONE,
                formats.number(solved.residual) if solved else formats.NONE,
            ]
        )
    head = ["row", *(s.name for s in suites), "by passes", "own mathematics", "memory", "fallbacks", "residual"]
    return Block("cost", "What methods cost", TEXT, (head, lines), tuple(_sentences(study, passes)))


def _runs(study: Results, suite: str, row: str) -> list[Record]:
    return [record for record in study.of(suite) if record.cell.row == row]


def geometric_mean_of_all(values: Iterable[float]) -> float:
    """The geometric mean; NaN if any value is NaN or 0."""
    kept = list(values)
    return geometric_mean(kept) if all(value > 0 for value in kept) else math.nan


def by_passes(runs: Sequence[Record]) -> float:
    """Compute of a step in passes, relative to equal weights; NaN without runs or if the method is not known here."""
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


def memory(study: Results, suite: str, row: str) -> float:
    """Peak memory relative to equal weights: the ratio of the medians over runs; NaN where it is not known."""
    ours, theirs = (
        median_of_known(float(run.cost.peak_memory) for run in _runs(study, suite, name) if run.cost)
        for name in (row, study.aggregates.equal_weights)
    )
    return ours / theirs if theirs else math.nan


def solver(runs: Sequence[Record]) -> Solver | None:
    """The ways out and the largest residual of these runs together; none if the method solves no equations."""
    found = [run.solver for run in runs if run.solver is not None]
    if not found:
        return None
    residual = max(each.residual for each in found)
    return Solver(residual=residual, fallbacks=sum(s.fallbacks for s in found), steps=sum(s.steps for s in found))


def _sentences(study: Results, passes: dict[str, float]) -> list[str]:
    said = []
    costs = {row.row: row.cost for row in study.aggregates.overall if math.isfinite(row.cost)}
    if costs:
        dear = max(costs, key=lambda row: costs[row])
        middle = formats.ratio(float(np.median(list(costs.values()))))
        said.append(
            f"A step of the median row takes {middle} the time of one of equal weights, one of {dear} "
            f"{formats.ratio(costs[dear])}."
        )
    above = [row for row, cost in costs.items() if cost > 2 * passes[row]]
    if above:
        said.append(f"More than twice what passes explain: {listed(above)}.")
    solvers = {row: found for row in passes if (found := solver([r for r in study.records if r.cell.row == row]))}
    fell = [f"{row} in {found.fallbacks} of {found.steps} steps" for row, found in solvers.items() if found.fallbacks]
    if fell:
        said.append(f"Without a solution at times: {listed(fell)}.")
    elif solvers:
        said.append(f"Equations are solved by {listed(list(solvers))}, and always were.")
    return said
