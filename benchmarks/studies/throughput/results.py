"""What the throughput study finds out, on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.studies.results import StudyResults, table
from benchmarks.studies.throughput.chores import Chore
from benchmarks.studies.throughput.rates import Rate
from benchmarks.studies.throughput.sizes import ModelSize
from benchmarks.studies.throughput.sweeps import Sweep, TimeShare


@dataclass(frozen=True)
class ThroughputResults(StudyResults):
    """Rates, times with several workers, parts of a whole run, work of the driver, and sizes of models."""

    study = "throughput"

    rates: Sequence[Rate] = table("rates.csv")
    sweeps: Sequence[Sweep] = table("sweeps.csv")
    shares: Sequence[TimeShare] = table("shares.csv")
    chores: Sequence[Chore] = table("chores.csv")
    sizes: Sequence[ModelSize] = table("sizes.csv")
