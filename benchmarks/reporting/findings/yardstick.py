"""Δ taskwise of any single run, whether or not its settings were chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.analysis import scores
from benchmarks.analysis.scores import Baseline, Facts
from benchmarks.records.record import SINGLE_TASK, Outcome, Record


@dataclass(frozen=True)
class Yardstick:
    """The baselines and metrics that the runs of one problem are compared by.

    Attributes:
        baseline: the single-task models with the chosen settings, at their selected checkpoints.
        facts: the metrics that count, by task.
    """

    baseline: Baseline
    facts: Facts

    @classmethod
    def of(cls, records: Sequence[Record]) -> Yardstick:
        """From the chosen records of the problem."""
        baseline = Baseline(scores.outcomes([r for r in records if r.cell.row == SINGLE_TASK], "best"))
        known = {task: metrics for record in records for task, metrics in record.metrics.items()}
        return cls(baseline, scores.scored(known, baseline))

    def delta(self, seed: int, outcome: Outcome | None) -> float:
        """Δ taskwise on test, in percent, of a checkpoint of a run; NaN without one or without baselines."""
        if outcome is None or not self.facts or any(task not in outcome.test for task in self.facts):
            return math.nan
        return scores.delta_taskwise(scores.relative_by_task(outcome.test, seed, self.baseline, self.facts))
