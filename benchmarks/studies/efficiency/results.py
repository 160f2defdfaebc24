"""What the efficiency study finds out, on disk: a row per suite, and one per suite and method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.studies.efficiency.measure import Parameters, Seconds
from benchmarks.studies.results import StudyResults, table

UNKNOWN = Seconds(math.nan, math.nan)


class SuiteEfficiency(NamedTuple):
    """One suite; times are in seconds. Numbers that are not known are None or NaN, and the reason says why."""

    suite: str
    tasks: int
    shared: int | None  # parameters of the encoder
    heads: int | None
    single: int | None  # parameters of all K single-task models
    training_multi: float  # with equal weights
    training_single: float
    one_multi: float  # inference for one example
    one_single: float
    batch: int  # examples of the larger batch
    batch_multi: float
    batch_single: float
    parameters: float  # this and the following: multi-task relative to K single-task models
    training: float
    inference_one: float
    inference_batch: float
    reason: str

    @property
    def ratios(self) -> dict[str, float]:
        """What multi-task takes relative to K single-task models."""
        return {name: getattr(self, name) for name in ("parameters", "training", "inference_one", "inference_batch")}


class MethodEfficiency(NamedTuple):
    """The training of one method on one suite."""

    suite: str
    row: str
    seconds: float
    seconds_single: float  # of all K single-task models
    ratio: float


@dataclass(frozen=True)
class EfficiencyResults(StudyResults):
    """All suites, and the training time of every method on them."""

    study = "efficiency"

    suites: Sequence[SuiteEfficiency] = table("efficiency.csv")
    methods: Sequence[MethodEfficiency] = table("training.csv")


def of_suite(
    suite: str,
    tasks: int,
    parameters: Parameters | None = None,
    training: Seconds = UNKNOWN,
    inference: tuple[Seconds, int, Seconds] = (UNKNOWN, 0, UNKNOWN),
    reason: str = "",
) -> SuiteEfficiency:
    """The row of a suite.

    Args:
        suite: its name.
        tasks: how many it has.
        parameters: of its models.
        training: with equal weights.
        inference: for one example, then the size of a batch and the inference for it.
        reason: why something is missing.
    """
    one, batch, many = inference
    counts = (None, None, None) if parameters is None else parameters
    share = math.nan if parameters is None else parameters.ratio
    ratios = (share, training.ratio, one.ratio, many.ratio)
    return SuiteEfficiency(suite, tasks, *counts, *training, *one, batch, *many, *ratios, reason)


def of_methods(suite: str, training: dict[str, Seconds]) -> list[MethodEfficiency]:
    """The rows of all methods of a suite."""
    return [MethodEfficiency(suite, row, *seconds, seconds.ratio) for row, seconds in training.items()]
