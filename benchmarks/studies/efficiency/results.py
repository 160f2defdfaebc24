"""What came out of the efficiency study: a line per suite, and one per suite and method, on disk."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.studies.efficiency.measure import Parameters, Seconds

SUITES, METHODS = "efficiency.csv", "training.csv"
UNKNOWN = Seconds(math.nan, math.nan)


class Found(NamedTuple):
    """What is known of one suite; what is not is None, empty or NaN, and the reason says why."""

    suite: str
    tasks: int
    parameters: Parameters | None
    training: dict[str, Seconds]  # by row
    equal_weights: str  # the row that stands for plain training
    one: Seconds  # inference for one example
    batch: int  # examples in the larger batch
    many: Seconds  # inference for those
    reason: str = ""

    @property
    def ratios(self) -> dict[str, float]:
        """What multi-task takes for what K single-task models take, by what it is."""
        return {
            "parameters": math.nan if self.parameters is None else self.parameters.ratio,
            "training": self.training.get(self.equal_weights, UNKNOWN).ratio,
            "inference_one": self.one.ratio,
            "inference_batch": self.many.ratio,
        }


def save(found: Iterable[Found], folder: Path) -> None:
    """Write both files; times are seconds."""
    kept = list(found)
    head = ["suite", "tasks", "shared", "heads", "single", "training_multi", "training_single"]
    head += ["one_multi", "one_single", "batch", "batch_multi", "batch_single", *kept[0].ratios, "reason"]
    _write(folder / SUITES, [head, *map(_line, kept)])
    rows = [[each.suite, row, *took, took.ratio] for each in kept for row, took in each.training.items()]
    _write(folder / METHODS, [["suite", "row", "seconds", "seconds_single", "ratio"], *rows])


def _line(found: Found) -> list[object]:
    counted = [""] * 3 if found.parameters is None else [*found.parameters]
    plain = found.training.get(found.equal_weights, UNKNOWN)
    times = [*plain, *found.one, found.batch, *found.many]
    return [found.suite, found.tasks, *counted, *times, *found.ratios.values(), found.reason]


def _write(path: Path, lines: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [f"{value:.6g}" if isinstance(value, float) else value for value in line] for line in lines
        )
