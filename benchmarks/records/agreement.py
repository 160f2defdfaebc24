"""How far two runs of one cell agree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.records.record import Record

STATES = {"best": "chosen on validation", "last": "at the end", "at_equal_compute": "at the same compute"}
FACTS = ("processor", "gpu", "device", "threads", "processes", "torch", "python", "platform", "commit")


class Difference(NamedTuple):
    """The metric in which two runs differ most."""

    relative: float  # |a - b| / max(|a|, |b|); 0 for the same value
    where: str  # in words
    values: tuple[float, float]

    def __str__(self) -> str:
        """As in "2.1e-07 (test accuracy of left, at the end: 0.91 and 0.9100002)"."""
        first, second = self.values
        return f"{self.relative:.2g} ({self.where}: {first:.8g} and {second:.8g})"


def largest(a: Record, b: Record) -> Difference | None:
    """The largest relative difference of any metric at any state; none if a run has no state to compare."""
    return max(_differences(a, b), key=lambda difference: difference.relative, default=None)


def _differences(a: Record, b: Record) -> Iterator[Difference]:
    for state, words in STATES.items():
        ours, theirs = getattr(a, state), getattr(b, state)
        if ours is None or theirs is None:
            continue
        for split in ("validation", "test"):
            values, others = getattr(ours, split), getattr(theirs, split)
            for task, metrics in values.items():
                for metric, value in metrics.items():
                    pair = value, others[task][metric]
                    yield Difference(relative(*pair), f"{split} {metric} of {task}, {words}", pair)


def relative(a: float, b: float) -> float:
    """``|a - b| / max(|a|, |b|)``: 0 for equal values, 1 if one of them is 0, 2 at most."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return abs(a - b) / max(abs(a), abs(b))


def circumstances(a: Record, b: Record) -> list[str]:
    """What was not the same when two runs were made: hardware, software, and how many trained together."""
    pairs = [(name, a.environment.get(name, "–"), b.environment.get(name, "–")) for name in FACTS]
    pairs.append(("runs trained together", str(a.replicas), str(b.replicas)))
    return [f"{name}: {then}, now {now}" for name, then, now in pairs if then != now]
