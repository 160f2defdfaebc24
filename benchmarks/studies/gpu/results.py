"""What the study of an accelerator finds out, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.studies.gpu.runs import Missing, SuiteRuns
from benchmarks.studies.gpu.steps import DeviceStep
from benchmarks.studies.results import StudyResults, table
from benchmarks.studies.throughput.rates import Rate


@dataclass(frozen=True)
class GpuResults(StudyResults):
    """Steps on the device, rates of runs, the runs of a protocol, and what is missing."""

    study = "gpu"

    steps: Sequence[DeviceStep] = table("steps.csv")
    rates: Sequence[Rate] = table("rates.csv")
    runs: Sequence[SuiteRuns] = table("runs.csv")
    missing: Sequence[Missing] = table("missing.csv")
