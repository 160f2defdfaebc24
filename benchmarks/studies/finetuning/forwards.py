"""The time of a multi-task forward pass relative to single-task ones, kept because the speed of a machine drifts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.analysis.scores import forward_seconds
from benchmarks.records.record import Cell, Record, Role
from benchmarks.records.store import write_atomically
from benchmarks.studies.finetuning.tuning import Tuner
from benchmarks.studies.timing import Effort, alternate, one_thread
from benchmarks.training.batches import geometry_batch, losses_of
from tasks.base import Splits, Suite, seeded

RATIOS = "forwards.json"
EFFORT = Effort(seconds=3.0, fewest=5, most=200)


class Forwards:
    """Ratios of forward passes with their losses, on training batches.

    On a CPU the two sides are timed in turns, on one thread; on a GPU, which is steadier and works ahead, the seconds
    in records are compared.

    Args:
        tuner: has the data.
        folder: where ratios are kept, so that a study that goes on has the same budgets.
    """

    def __init__(self, tuner: Tuner, folder: Path) -> None:
        self._tuner, self._path = tuner, folder / RATIOS
        self._known: dict[str, float] = {}
        if self._path.is_file():
            self._known = json.loads(self._path.read_text(encoding="utf-8"))

    def ratio(self, multi: Sequence[Record], single: Sequence[Record]) -> float:
        """Time of a multi-task forward pass divided by a single-task one; NaN without single-task runs."""
        if not single:
            return math.nan
        if self._tuner.setting.device != "cpu":
            return forward_seconds(multi) / forward_seconds(single)
        first, (task,) = multi[0].cell, single[0].cell.tasks
        key = f"{task} of {first.facts({Role.SUITE, Role.BATCH})}"
        earlier = {"version": first.suite_version, "options": first.suite_options, "batch": first.batch_size}
        of_earlier = f"{first.table}: {task}, {json.dumps(earlier)}"  # so did earlier versions call it
        if of_earlier in self._known:
            return self._known[of_earlier]
        if key not in self._known:
            self._known[key] = _timed(*self._tuner.load(first), first, task)
            write_atomically(self._path, json.dumps(self._known, indent=2) + "\n")
        return self._known[key]


def _timed(suite: Suite, splits: Splits, cell: Cell, task: str) -> float:
    with one_thread(), seeded("noise", 0):
        sides = {
            "multi": _forward(suite, splits, cell, cell.tasks),
            "single": _forward(suite, splits, cell, (task,)),
        }
        seconds = alternate(sides, lambda: None, EFFORT)
    return seconds["multi"] / seconds["single"]


def _forward(suite: Suite, splits: Splits, cell: Cell, names: Sequence[str]) -> Callable[[], object]:
    """A forward pass of training for some tasks, on a batch of the examples that have them."""
    model = suite.build(0, names).train()
    tasks = [task for task in suite.tasks if task.name in names]
    batch = geometry_batch(splits.train.only(names), cell.batch_size)
    return lambda: losses_of(tasks, model(batch.inputs)[1], batch)
