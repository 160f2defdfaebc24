"""Everything that the file of a suite imports: the parts of `tasks.contract`, and the metric `accuracy`."""

from __future__ import annotations

from tasks.contract import (
    Adapter,
    DataUnavailableError,
    Landscape,
    Metric,
    MultiTaskModel,
    Split,
    Splits,
    Suite,
    Task,
    check_tasks,
    mean_metric,
    seed_for,
    seeded,
    seeded_heads,
    split_indices,
)
from tasks.scoring.classification import accuracy

__all__ = [
    "Adapter",
    "DataUnavailableError",
    "Landscape",
    "Metric",
    "MultiTaskModel",
    "Split",
    "Splits",
    "Suite",
    "Task",
    "accuracy",
    "check_tasks",
    "mean_metric",
    "seed_for",
    "seeded",
    "seeded_heads",
    "split_indices",
]
