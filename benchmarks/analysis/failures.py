"""What went wrong in a row of a suite: counted and shown, never dropped."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.analysis import scores
from benchmarks.analysis.summaries import Failure
from benchmarks.records.record import SINGLE_TASK, MetricFact, Record, Scalars

STUCK = "no better on validation than the untrained model"
ROUNDING = 1e-5  # relative, of the numbers in curves


def failures_of(row: str, records: Sequence[Record], tasks: tuple[str, ...], seeds: Sequence[int]) -> list[Failure]:
    """Every run of ``row`` that gave no number, every one that is missing, every task that is stuck, every way out.

    Args:
        row: the row's name.
        records: its runs.
        tasks: all tasks of the suite; the baselines have one run for each.
        seeds: the seeds that the suite was run with.
    """
    failures = []
    for group in [(task,) for task in tasks] if row == SINGLE_TASK else [tasks]:
        task = group[0] if row == SINGLE_TASK else ""
        present = {r.cell.repetition: r for r in records if r.cell.tasks == group}
        for seed in seeds:
            record = present.get(seed)
            if record is None:
                failures.append(Failure(row, task, seed, "not run", "no record"))
            elif record.status != "done":
                failures.append(Failure(row, task, seed, record.status, record.reason))
            else:
                failures += [Failure(row, name, seed, "stuck", STUCK) for name in _stuck_tasks(record)]
            if record is not None and record.solver is not None and record.solver.fallbacks:
                reason = f"fell back in {record.solver.fallbacks} of {record.solver.steps} steps"
                failures.append(Failure(row, task, seed, "no solution", reason))
    return failures


def _stuck_tasks(record: Record) -> list[str]:
    """The tasks that the chosen state solves no better, on validation, than the untrained model does."""
    curves, best = record.curves.validation, record.best
    facts = {task: metrics[0] for task, metrics in record.metrics.items() if task in curves}

    def is_stuck(task: str, fact: MetricFact, state: Scalars) -> bool:
        untrained = curves[task][fact.name][0]
        return scores.difference(state[task][fact.name], untrained, fact) <= ROUNDING * abs(untrained)

    return [task for task, fact in facts.items() if best is not None and is_stuck(task, fact, best.validation)]
