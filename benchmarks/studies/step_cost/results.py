"""What the study of the cost of a step finds out, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.studies.results import StudyResults, table
from benchmarks.studies.step_cost.checks import Check
from benchmarks.studies.step_cost.measure import Case
from benchmarks.studies.step_cost.operators import OperatorCount
from benchmarks.studies.step_cost.solvers import Solve


@dataclass(frozen=True)
class StepCostResults(StudyResults):
    """Steps of methods on models, solvers alone, steps that were derived and measured as well, and operators."""

    study = "step-cost"

    cases: Sequence[Case] = table("micro.csv")
    solves: Sequence[Solve] = table("solvers.csv")
    checks: Sequence[Check] = table("checks.csv")
    operators: Sequence[OperatorCount] = table("operators.csv")
