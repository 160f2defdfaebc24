"""Methods, equal weights and the best fixed weights on the two regressions, from the committed results.

This prints the numbers of the first table of README.md: Δ taskwise in percent of single-task models, higher is better,
then the difference to the best fixed weights in points; both with 95 % intervals over five paired seeds. Nine settings
of fixed weights are in the records (the row `front`); the one with the lowest mean loss on validation is the best.
"""

from pathlib import Path

import numpy as np

from benchmarks.analysis.aggregates import aggregate
from benchmarks.analysis.results import read_results
from benchmarks.analysis.statistics import paired
from benchmarks.records.record import SINGLE_TASK, Record

results = read_results(Path(__file__).parents[2] / "results" / "standard")
single = [record for record in results.records if record.cell.row == SINGLE_TASK]


def loss(runs: list[Record]) -> float:
    """The mean normalised loss on validation, over runs and tasks."""
    return float(np.mean([task["normalised_loss"] for run in runs for task in run.best.validation.values()]))


for suite in ("gradnorm-regression-2", "gradnorm-regression-10"):
    front = [record for record in results.front if record.cell.suite == suite]
    settings = [[run for run in front if run.cell.trial == trial] for trial in {run.cell.trial for run in front}]
    best = min(settings, key=loss)
    (of_best,) = (each.row(best[0].cell.row) for each in aggregate([*single, *best]).suites if each.name == suite)
    (summary,) = (each for each in results.aggregates.suites if each.name == suite)

    print(suite)
    rows = [summary.row(row) for row in ("scale-invariant", "famo", "gls", results.aggregates.equal_weights)]
    for row in [*rows, of_best]:
        delta, ahead = row.delta_taskwise, paired(row.deltas, of_best.deltas).estimate
        print(f"{row.row:>15} {delta.mean:6.1f} [{delta.low:.1f}, {delta.high:.1f}]", end="   ")
        print(f"{ahead.mean:+.1f} [{ahead.low:+.1f}, {ahead.high:+.1f}]" if row is not of_best else "the best weights")
    print("   best weights", best[0].cell.hyperparameters["weights"])
