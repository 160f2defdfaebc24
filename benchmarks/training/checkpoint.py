"""Which state of a run is kept: the selected checkpoint, chosen on validation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.records.record import MetricFact, Scalars
from benchmarks.records.selection import selection_score, shares_of_error

LARGEST_SHARE = 1e6  # of the untrained model's error, for scores: they must be finite


class Checkpoint(NamedTuple):
    """A state of the model that was evaluated."""

    step: int
    validation: Scalars


class Checkpoints:
    """The selected and the latest checkpoint of a run.

    The checkpoint with the lowest `selection_score` is selected, the earliest of equals. The first one is the untrained
    model, which the scores are relative to.

    Args:
        metrics: facts about the metrics of every task, the primary metric first.
    """

    def __init__(self, metrics: Mapping[str, Sequence[MetricFact]]) -> None:
        self.selected: Checkpoint | None = None
        self.latest: Checkpoint | None = None
        self._metrics = metrics
        self._untrained: Scalars = {}
        self._lowest = math.inf

    @property
    def scores(self) -> dict[str, float]:
        """The share of the untrained model's error that the latest checkpoint is rid of, by task and in percent."""
        assert self.latest is not None, "there is no checkpoint yet"
        shares = shares_of_error(self.latest.validation, self._untrained, self._metrics)
        return {task: 100 * (1 - min(share, LARGEST_SHARE)) for task, share in shares.items()}

    def add(self, step: int, validation: Scalars) -> bool:
        """Note the validation metrics after ``step``; returns whether this checkpoint is now the selected one."""
        self._untrained = self._untrained or validation
        self.latest = Checkpoint(step, validation)
        score = selection_score(validation, self._untrained, self._metrics)
        better = score < self._lowest  # never true for a score that is not a number
        if better:
            self._lowest = score
        if better or self.selected is None:
            self.selected = self.latest
        return self.selected is self.latest


def selected_step(validations: Iterable[Scalars], metrics: Mapping[str, Sequence[MetricFact]]) -> int:
    """The position of the selected checkpoint in a list of validation metrics that begins with the untrained model."""
    checkpoints = Checkpoints(metrics)
    for step, validation in enumerate(validations):
        checkpoints.add(step, validation)
    return 0 if checkpoints.selected is None else checkpoints.selected.step
